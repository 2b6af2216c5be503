"""Runs an example against an emulator: python run_fast.py EXAMPLE ARGUMENT ...

Examples are written for a service where a video takes minutes. The defaults of `SessionPool` are replaced here by
ones for an emulator that takes a tenth of a second, so that no example has to mention it.
"""

from __future__ import annotations

import runpy
import sys

from evolink_async import Cadence, HttpOptions, SessionPool

FAST = Cadence(polls_per_second=2000, first_look=0.05, min_interval=0.01, max_interval=0.05)


def speed_up() -> None:
    """Replace the defaults in this process."""
    assert SessionPool.__init__.__kwdefaults__ is not None
    SessionPool.__init__.__kwdefaults__.update(cadence=FAST, http=HttpOptions(allow_private_results=True))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python run_fast.py EXAMPLE ARGUMENT ...")
    speed_up()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
