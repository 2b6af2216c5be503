"""The page of 5,000 jobs: its size, and how long it takes to open and to filter, by the browser's own clock.

The rival of each figure is what it must not exceed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evolink_async.report import write_report
from tests.report.browser import WHY_NOT, address_of, chromium, has_browser, visit
from tests.report.kit import make_film, mixed_journal

from .measure import ROUNDS, Row

JOBS = 5000
OPENED = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now();
}"""
"""The time from the start of the navigation until the first cards are drawn."""
FILTERED = """async (text) => {
    const input = document.querySelector("#search");
    const began = performance.now();
    input.value = text;
    input.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();  // style and layout belong to it
    const answered = performance.now() - began;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return answered;
}"""
SCROLLED = """async () => {
    const times = [];
    let before = performance.now();
    for (let step = 0; step < 120; step++) {
        scrollBy(0, 400);
        await new Promise((done) => requestAnimationFrame(done));
        const now = performance.now();
        times.push(now - before);
        before = now;
    }
    return times.sort((one, other) => one - other)[Math.floor(times.length * 0.95)];
}"""
WORDS = ("m", "meadow", "shot-042", "failed", "no such word", "evening 720p", "")


def page() -> Iterator[Row]:
    """Write the page, and use it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mixed_journal(folder / "jobs.db", JOBS, make_film(folder))
        began = time.perf_counter()
        write_report(folder / "jobs.db", folder / "index.html", has_posters=False)
        yield Row("page of 5,000 jobs: writing it / 3 s", time.perf_counter() - began, 3.0, "s", 1.0)
        size = (folder / "index.html").stat().st_size / 1e6
        yield Row("  size / 6 MB", size, 6.0, "MB", 1.0)
        if not has_browser():
            print(WHY_NOT)
            return
        with chromium() as browser:
            rounds = [_measured(browser, address_of(folder / "index.html")) for _ in range(ROUNDS)]
    opened, filtered, scrolled = (min(column) for column in zip(*rounds, strict=True))
    yield Row("  opening it / 3 s", opened, 3000.0, "ms", 1.0)
    yield Row("  slowest filter / 100 ms", filtered, 100.0, "ms", 1.0)
    yield Row("  95 of 100 frames while scrolling / 50 ms", scrolled, 50.0, "ms", 1.0)


def _measured(browser: Any, address: str) -> tuple[float, float, float]:
    with visit(browser, address) as page:
        opened = page.evaluate(OPENED)
        filtered = [page.evaluate(FILTERED, word) for word in WORDS]
        scrolled = page.evaluate(SCROLLED)
        found = page.locator("#found").inner_text()
    assert found == "5,000 jobs", found
    print(f"filters: {', '.join(f'{one:.1f}' for one in filtered)} ms, median {statistics.median(filtered):.1f}")
    return opened, max(filtered), scrolled
