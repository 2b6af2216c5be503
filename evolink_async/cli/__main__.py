"""`python -m evolink_async.cli` is `evolink-async`; nothing else lives here."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
