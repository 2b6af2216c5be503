"""A real browser for tests and measures, and what every page must keep to in it."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WHY_NOT = "no browser: apt-get install chromium, and pip install playwright axe-playwright-python"
PATIENCE = 30_000
"""Milliseconds to wait for what must come: a slow machine is no fault of the page."""


def has_browser() -> bool:
    """Whether there are a browser and the packages that drive it."""
    from importlib.util import find_spec

    return CHROMIUM is not None and all(find_spec(name) for name in ("playwright", "axe_playwright_python"))


@contextmanager
def chromium() -> Generator[Any, None, None]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # --no-sandbox: containers run as root. Videos start without a click, as they do after one.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Any, address: str, **settings: Any) -> Generator[Any, None, None]:
    """Open a page; at the end it must have logged no error, and have asked no other host for anything."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
    context.set_default_timeout(PATIENCE)
    page, problems = context.new_page(), list[str]()
    page.on("console", lambda said: problems.extend([said.text] if said.type in ("error", "warning") else []))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: problems.extend([asked.url] if is_foreign(asked.url, address) else []))

    def dismiss(dialog: Any) -> None:
        problems.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    try:
        page.goto(address)
        yield page
        assert problems == []
    finally:
        context.close()


def is_foreign(url: str, address: str) -> bool:
    """Whether a request is for something that is neither in the page, nor beside it, nor from its server."""
    if url.startswith(("data:", "blob:")):
        return False
    return not url.startswith("file:" if address.startswith("file:") else address)


def faults(page: Any) -> Iterator[str]:
    """What axe finds that keeps people from using the page: serious and critical faults."""
    from axe_playwright_python.sync_playwright import Axe

    for found in Axe().run(page).response["violations"]:
        if found["impact"] in ("serious", "critical"):
            yield f"{found['id']}: {[node['target'] for node in found['nodes']][:3]}"


def address_of(path: Path) -> str:
    """The address of a file."""
    return path.absolute().as_uri()
