"""The `evolink-async` command: its entry point, and the check that its extra is installed.

What the commands do is in the files beside this one; rich and cyclopts are not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ("main",)

_PACKAGES = ("cyclopts", "rich")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: all went well. 1: some jobs failed, or lines of the input were bad. 2: wrong use, nothing was sent.
    3: a submit may have been paid for and has no answer. 130: Ctrl-C. 141: nobody reads the output any more.

    Args:
        argv: The words after the command's name; those of the process when None.
    """
    if any(find_spec(name) is None for name in _PACKAGES):
        sys.stderr.write("error: the command line needs more packages; run: pip install 'evolink-async[cli]'\n")
        return 2
    from .app import launch

    return launch(list(sys.argv[1:] if argv is None else argv))
