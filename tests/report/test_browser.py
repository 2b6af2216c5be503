"""The page in a real browser: films play, filters work, live numbers move, everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from evolink_async.cli.commands.settle import settled
from evolink_async.journal.places import JournalInFile
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.report import DashboardServer, write_report
from evolink_async.report.reading import read_report
from tests.report.browser import WHY_NOT, address_of, chromium, faults, has_browser, visit
from tests.report.kit import STATES, body_of, make_film, mixed_journal, write_job, write_journal

# Starting the browser, and each wait in it, may take long on a busy machine.
pytestmark = [pytest.mark.skipif(not has_browser(), reason=WHY_NOT), pytest.mark.timeout(180)]

VIEWS = ("films", "failures", "doubts", "times", "credits")
IS_PLAYING = """() => {
    const film = document.querySelector("dialog video");
    return film && !film.paused && film.currentTime > 0;
}"""
TAKE_COPIES = "navigator.clipboard && (navigator.clipboard.writeText = async (text) => { window.copied = text })"
CODE = "[href^='javascript' i], [src^='javascript' i], main script, main svg[onload]"
HAS_READY = "(count) => document.querySelector('.chip.ready b').textContent === String(count)"


@pytest.fixture(scope="module")
def browser() -> Generator[Any, None, None]:
    """One browser for all tests: starting it takes seconds."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """The page of a journal with 300 jobs in all states, whose films are all one file."""
    folder = tmp_path_factory.mktemp("page")
    mixed_journal(folder / "jobs.journal.db", 300, make_film(folder))
    write_report(folder / "jobs.journal.db", folder / "index.html")
    return address_of(folder / "index.html")


def count_of(page) -> str:
    """What the page says it has found."""
    return page.locator("#found").inner_text()


def test_a_film_plays_by_keyboard_alone(browser, address):
    """From the search to a film that plays, to the next one, and back to its card."""
    with visit(browser, address) as page:
        page.keyboard.press("/")
        page.keyboard.type("shot-00007")
        page.wait_for_function("() => document.querySelectorAll('.card').length === 1")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_function(IS_PLAYING)
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        assert page.evaluate("document.activeElement.closest('.card').dataset.place") == "8"
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.id") == "search"


def test_going_through_films(browser, address):
    """The arrow keys go from card to card, and from film to film; closing returns to the card of the last."""
    with visit(browser, address) as page:
        page.locator("#search").fill("take 1")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.locator("[data-act=next]").focus()
        title = page.locator("#player-title")
        first = title.inner_text()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(first) => document.querySelector('#player-title').textContent !== first", arg=first)
        second = title.inner_text()
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        assert second in page.evaluate("document.activeElement.closest('.card').textContent")


def test_filters(browser, address):
    """Words, states, models and orders choose jobs; nothing found says so, and leads back."""
    with visit(browser, address) as page:
        assert count_of(page) == "300 jobs"
        page.locator(".chip.failed").click()
        failed = page.locator(".chip.failed b").inner_text()
        assert count_of(page) == f"{failed} of 300 jobs"
        page.locator(".chip.all").click()
        page.get_by_label("Model", exact=True).select_option("wan2.7-reference-video")
        assert count_of(page) == "100 of 300 jobs"
        page.locator("#search").fill("shot-00002  SUN")
        assert count_of(page) == "1 of 300 jobs"
        page.locator("#search").fill("no such words")
        assert page.get_by_text("No job matches").is_visible()
        page.get_by_role("button", name="Show all jobs").click()
        assert count_of(page) == "300 jobs"
        page.locator(".chip.ready").click()
        page.get_by_label("Order", exact=True).select_option("slow")
        assert page.locator(".card .key").first.inner_text() == "shot-00096"


def test_long_lists_are_short(browser, address):
    """Only the cards near the window are there, and the last one comes when it is scrolled to."""
    with visit(browser, address) as page:
        assert page.locator(".card").count() < 200
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_function("() => document.querySelector('[data-place=\"300\"]')")
        last = page.locator("[data-place='300']")
        assert (last.get_attribute("aria-posinset"), last.get_attribute("aria-setsize")) == ("300", "300")


def test_copying(browser, address):
    """What is copied is a jobs file of the jobs that are shown."""
    with visit(browser, address, permissions=[]) as page:
        page.evaluate(TAKE_COPIES)
        page.locator("#search").fill("shot-00007")
        page.get_by_role("button", name="Copy as JSONL").click()
        page.wait_for_function("() => window.copied")
        read = page.evaluate("JSON.parse(window.copied)")
        assert read == {"custom_id": "shot-00007"} | body_of(7)
        assert page.locator("#toast").inner_text() == "1 job copied as JSONL"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(browser, address, theme):
    """No serious fault in any view, nor in the window of a film, in both themes."""
    with visit(browser, address, color_scheme=theme, reduced_motion="reduce") as page:
        found = list[str]()
        # Ten cards are as good as sixty, and much quicker.
        page.locator("#search").fill("shot-0000")
        for view in VIEWS:
            page.locator(f"#tab-{view}").click()
            page.wait_for_selector(f"#view[aria-labelledby=tab-{view}] *")
            found += [f"{view}: {fault}" for fault in faults(page)]
        page.locator("#tab-films").click()
        page.locator(".card.ready .open").first.click()
        page.wait_for_selector("dialog[open] video")
        found += [f"player: {fault}" for fault in faults(page)]
        assert found == []


@pytest.mark.parametrize(("zone", "named"), [("Asia/Tokyo", {"GMT+9"}), ("America/New_York", {"GMT-4", "GMT-5"})])
def test_the_times_of_a_doubt_are_in_one_zone(browser, address, zone, named):
    """That of the reader, which is named; the process that wrote the page was in another one."""
    with visit(browser, address, timezone_id=zone, locale="en-GB") as page:
        page.locator("#tab-doubts").click()
        doubt = page.locator(".group.doubt").first.inner_text()
        offsets = re.findall(r"\d{4}, \d\d:\d\d:\d\d (GMT[-+]\d+)", doubt)
        assert ("UTC" in doubt, len(offsets), {*offsets} <= named) == (False, 3, True)


def test_words_stay_whole_on_a_telephone(browser, address):
    """The names of models, and the buttons beside commands, are not broken into letters."""
    with visit(browser, address, viewport={"width": 390, "height": 800}) as page:
        page.locator("#tab-credits").click()
        names = page.locator(".scroll td:first-child")
        assert max(one.bounding_box()["height"] for one in names.all()) < 70
        page.locator("#tab-doubts").click()
        buttons = page.locator(".command .button")
        assert {round(one.bounding_box()["height"]) < 40 for one in buttons.all()} == {True}


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_widths(browser, address, width):
    """Nothing is wider than the window in any view."""
    with visit(browser, address, viewport={"width": width, "height": 800}) as page:
        wide = []
        for view in VIEWS:
            page.locator(f"#tab-{view}").click()
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(view)
        assert wide == []


HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\"'><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
)


def test_hostile_texts(browser, tmp_path):
    """Keys, prompts, parameters, messages and links that would be code are shown as texts, and no link leads there."""
    jobs: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
    for number, text in enumerate(HOSTILE):
        body = body_of(number, prompt=text, quality=text, video_urls=[text], model=text)
        facts = {"code": text, "message": text, "urls": (text,)}
        jobs += [(f"{text} {state}", state, body, facts) for state in STATES]
    write_journal(tmp_path / "jobs.db", jobs)
    write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    with visit(browser, address_of(tmp_path / "index.html")) as page:
        for view in VIEWS:
            page.locator(f"#tab-{view}").click()
            assert page.locator(CODE).count() == 0
        page.locator("#tab-films").click()
        cards = page.locator(".card.ready .open, .card.failed .open")
        for number in range(cards.count()):
            cards.nth(number).click()
            assert page.locator("dialog [href^='javascript' i]").count() == 0
            page.keyboard.press("Escape")
            page.wait_for_selector("dialog", state="detached")
        assert HOSTILE[1] in page.locator(".card .prompt").all_inner_texts()
        assert page.evaluate("window.hacked") is None


def test_an_empty_journal(browser, tmp_path):
    """Every view says what it would show."""
    write_journal(tmp_path / "jobs.db", [])
    write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    with visit(browser, address_of(tmp_path / "index.html")) as page:
        assert page.locator("h1").inner_text() == "No films yet"
        for view in VIEWS:
            page.locator(f"#tab-{view}").click()
            assert page.locator(".empty h2").is_visible()


@contextmanager
def served(path, **settings):
    """A server of a live page, in a thread."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(DashboardServer(path, **settings)) as server,
    ):
        yield portal, server


def test_live_numbers_move(browser, tmp_path):
    """What a run writes is on the page without a full redraw, and so is its end; films play from there too."""
    path, film = tmp_path / "jobs.journal.db", make_film(tmp_path)
    mixed_journal(path, 20, film)
    with served(path) as (portal, server), visit(browser, server.address) as page:
        page.wait_for_selector("#live:text('Live')")
        page.evaluate("document.querySelector('[data-place=\"10\"]').mine = true")
        ready = int(page.locator(".chip.ready b").inner_text())
        journal = SqliteJournal(path)
        portal.call(journal.open)
        portal.call(write_job, journal, "new-1", "making", 30, body_of(30))
        page.wait_for_selector(".card.making:has-text('new-1')")
        for number in (31, 32):
            portal.call(write_more, journal, f"new-{number}", number, film)
        page.wait_for_function(HAS_READY, arg=ready + 2)
        assert page.evaluate("document.querySelector('[data-place=\"10\"]').mine")
        page.locator(".card:has-text('new-31') .open").click()
        page.wait_for_function(IS_PLAYING)
        portal.call(journal.aclose)
        portal.call(server.aclose, "The run has ended.")
        page.wait_for_selector("#live:text('The run has ended.')")


async def write_more(journal, key, number, film):
    """Write a job that is ready."""
    await write_job(journal, key, "ready", number, body_of(number), film=film)


def test_settling_asks_first(browser, tmp_path):
    """A doubt is settled on the live page after a question; without the answer, nothing is written."""
    path = tmp_path / "jobs.journal.db"
    write_journal(path, [("shot-1", "doubt", body_of(1), {}), ("shot-2", "doubt", body_of(2), {})])

    async def settle(key: str, how: str) -> str:
        return await settled(JournalInFile(path), key, how)

    def states() -> list[str]:
        return [card.state for card in read_report(path).cards]

    with served(path, settle=settle) as (_, server), visit(browser, server.address) as page:
        page.get_by_role("button", name="See what to look for").click()
        page.get_by_role("button", name="There is none: buy it again").first.click()
        assert "paid for twice" in page.locator("dialog.ask").inner_text()
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_selector("dialog.ask", state="detached")
        assert states() == ["doubt", "doubt"]
        page.get_by_role("button", name="There is none: buy it again").first.click()
        page.get_by_role("button", name="Yes, write it down").click()
        page.wait_for_selector("#toast:text('is planned again')")
        assert states() == ["planned", "doubt"]
        page.wait_for_function("() => document.querySelectorAll('.group.doubt').length === 1")
        page.get_by_role("button", name="I found its task").first.click()
        page.get_by_label("Id of the task").fill("task-unified-1-ab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#toast:text('is task task-unified-1-ab')")
        assert states() == ["planned", "making"]
