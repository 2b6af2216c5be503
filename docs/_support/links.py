"""Check the links of the built pages: `python docs/_support/links.py docs/_build/html`.

Sphinx checks what it resolves itself. This also checks anchors in plain links and in what is generated: each link that
stays in the pages must lead to a page that was built, and to an element with that id.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value for name, value in attrs if value}
        self.ids |= {told[name] for name in ("id", "name") if name in told}
        self.links |= {told[name] for name in ("href", "src") if name in told}


@cache
def page(path: Path) -> _Page:
    """Read a page once."""
    return _Page(path.read_text(encoding="utf-8"))


def broken(folder: Path) -> Iterator[str]:
    """Yield every internal link that leads nowhere, with its page."""
    # Pages of source code link back to one module, whichever of a class's public modules has its entry.
    pages = [path for path in sorted(folder.rglob("*.html")) if "_modules" not in path.relative_to(folder).parts]
    for path in pages:
        for link in sorted(page(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not target.is_file():
                yield f"{path.relative_to(folder)}: no file {link}"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in page(target).ids:
                yield f"{path.relative_to(folder)}: no anchor {link}"


def main() -> int:
    """Print the broken links; the exit code is 1 if there is one."""
    found = list(broken(Path(sys.argv[1]).resolve()))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
