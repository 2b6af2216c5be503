"""Runs `evolink-async` as `python -m evolink_async.cli`; the entry point itself is `main` of the package."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
