"""Makes the picture of the page that README and the guides show: `python docs/_support/picture.py`, with Chromium.

The page is that of the demo, made anew: the picture shows what the first command of README gives.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "_static" / "report.png"
SIZE = {"width": 1280, "height": 1010}


def main() -> None:
    """Run the demo, and take the picture of its page."""
    sys.path.insert(0, str(ROOT))
    from tests.report.browser import WHY_NOT, address_of, chromium, has_browser, visit

    if not has_browser():
        sys.exit(WHY_NOT)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        # Slowly enough that the figures look as those of a usual run.
        command = [sys.executable, "-m", "evolink_async", "demo", "--out", folder, "--speed", "20"]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # all of it is written here
        with visit(browser, address_of(Path(folder) / "index.html"), viewport=SIZE) as page:
            page.wait_for_selector(".card img")
            page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
