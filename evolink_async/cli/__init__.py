"""The `evolink-async` command. Its entry point is `main`; the commands are in `app` and `commands`.

Neither rich nor cyclopts is imported here.
"""

from .entry import main

__all__ = ("main",)
