"""What stands at the end of every command's help: an example, exit codes, variables."""

from __future__ import annotations

import re

EPILOGUE = (
    "Exit codes: 0 ok, 1 some jobs failed or lines were bad, 2 wrong use, 3 a paid submit is in doubt, "
    "130 Ctrl-C, SIGTERM or SIGHUP. "
    "Environment: EVOLINK_API_KEY, EVOLINK_BASE_URL, EVOLINK_FILES_BASE_URL, EVOLINK_ALLOW_PRIVATE_RESULTS."
)
"""The end of all help texts."""

# A terminal of 80 columns shows such a line, with the sign that it goes on.
_WIDTH = 75


def example(command: str) -> str:
    """Return the end of the help of a command.

    Args:
        command: The command as it can be typed.
    """
    lines = [""]
    for words in re.split(r" (?=--)", command):
        if lines[-1] and len(lines[-1]) + len(words) > _WIDTH:
            lines[-1] += " \\"
            lines.append(f"    {words}")
        else:
            lines[-1] = f"{lines[-1]} {words}" if lines[-1] else f"  {words}"
    return "\n".join(["Example:", *lines, "", EPILOGUE])
