"""Runs `evolink-async` as `python -m evolink_async`; the entry point itself is `main` of `evolink_async.cli`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
