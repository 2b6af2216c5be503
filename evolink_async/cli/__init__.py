"""The `evolink-async` command: its entry point, and the check that the extra `cli` is installed.

The commands are in `app` and `commands`; rich and cyclopts are not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ("main",)

_PACKAGES = ("cyclopts", "rich")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: every job completed. 1: some jobs failed, or lines of the input are invalid. 2: wrong use, nothing was sent.
    3: a submit is in doubt. 130: Ctrl-C. 141: the reader of the output closed it.

    Args:
        argv: The arguments after the command's name. Default: those of the process.
    """
    if any(find_spec(name) is None for name in _PACKAGES):
        sys.stderr.write("error: the command line needs more packages; run: pip install 'evolink-async[cli]'\n")
        return 2
    # Imported late: without the extra this import fails, and the sentence above is the better answer.
    from .app import launch

    return launch(list(sys.argv[1:] if argv is None else argv))
