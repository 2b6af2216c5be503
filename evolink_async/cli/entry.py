"""The entry point of `evolink-async`, the check that the extra `cli` is installed, and what holds from the first line.

The commands are in `app` and `commands`; rich and cyclopts are not imported here.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec

from .. import early_exit
from ..version import how_to_install
from .output.streams import open_streams
from .signals import endings_as_ctrl_c

_PACKAGES = ("cyclopts", "rich")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: every job completed. 1: some jobs failed, or lines of the input are invalid. 2: wrong use, nothing was sent.
    3: a submit is in doubt. 130: Ctrl-C, SIGTERM or SIGHUP. 141: the reader of the output closed it.

    Args:
        argv: The arguments after the command's name. Default: those of the process.
    """
    open_streams()
    # What Pillow says about odd images is for its developers.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with endings_as_ctrl_c():
        # Also where the process was not started as the command.
        early_exit.begin()
        try:
            if any(find_spec(name) is None for name in _PACKAGES):
                sys.stderr.write(f"error: the command line needs more packages; {how_to_install('cli')}\n")
                return 2
            # Imported late: without the extra this import fails, and the sentence above is the better answer.
            from .app import launch
        finally:
            early_exit.end()
        try:
            return launch(list(sys.argv[1:] if argv is None else argv))
        except KeyboardInterrupt:
            return 130
