"""A process that saves one result and may be killed at any moment: `python -m tests.downloads.saver FOLDER URL`.

Prints by how many KiB the most memory it ever held has grown.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from evolink_async.client import HttpOptions
from tests.downloads.test_downloads import save

PATIENT = HttpOptions(allow_private_results=True)


def peak_kib() -> int:
    """The most memory this process ever held. Linux begins `ru_maxrss` with what its parent held, so that is no use."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # of macOS, in bytes


if __name__ == "__main__":
    before = peak_kib()
    saved = asyncio.run(save(Path(sys.argv[1]), sys.argv[2], max_bytes=4 << 30, options=PATIENT))
    print(peak_kib() - before)  # noqa: T201
    sys.exit(str(saved.download_error) if saved.download_error else 0)
