"""The API key is only in the headers of requests to the API: all output of one large run is searched."""

from __future__ import annotations

import gc
import io
import logging
import pickle
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.cli.demo_material.media import make_media
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import EvolinkError
from evolink_async.report import write_report
from evolink_async.telemetry import LogObserver
from tests.kit import PATIENT, dance, open_pool

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789abcdef"
ECHO = f'{{"error":{{"code":"x","message":"the key {CANARY} is wrong","type":"x"}}}}'
ONCE = attrs.evolve(PATIENT, attempts=1)
FAULTS: dict[Any, Any] = {
    "submit": [faults.reply(400, ECHO), faults.reply(500, ECHO), faults.DROP_AFTER_ACCEPT, faults.HTML_200],
    "upload": [faults.reply(400, ECHO), faults.DROP_BEFORE_ACCEPT, faults.reply(200, ECHO)],
    "result": [faults.reply(403, ECHO), faults.redirect(302, "http://169.254.1.1/")],
    "poll": [faults.reply(500, ECHO)],
    "batch": [faults.reply(403, ECHO), faults.reply(500, ECHO)],
}
"""What befalls the first requests of a kind."""


@attrs.define
class Traces:
    """All that a run leaves behind."""

    outcomes: list[ev.Outcome] = attrs.field(factory=list)
    errors: list[BaseException] = attrs.field(factory=list)
    events: list[object] = attrs.field(factory=list)

    def texts(self) -> Iterator[str]:
        """Everything in every form a program may show or store it in."""
        for value in (*self.outcomes, *self.events, *self.errors):
            yield from (repr(value), str(value), f"{value}")
            yield pickle.dumps(value).decode("latin-1")
        for error in self.errors:
            for chain in (True, False):
                shown = traceback.TracebackException.from_exception(error, capture_locals=True)
                yield "".join(shown.format(chain=chain))
            yield str(getattr(error, "__notes__", ""))


@pytest.fixture
async def emulator():
    """An emulator that knows the canary."""
    async with Emulator(speed=1000, api_keys=(CANARY,)) as emulator:
        yield emulator


def befall(emulator: Emulator) -> None:
    """Write the faults into the script."""
    for kind, befalls in FAULTS.items():
        for ordinal, fault in enumerate(befalls, 1):
            emulator.faults.on(kind, ordinal, fault)


def opened(emulator: Emulator, journal: Path, observer) -> ev.SessionPool:
    """A pool whose key is in no variable of a frame that is still there when it fails."""
    return open_pool(emulator, api_key=CANARY, journal=journal, observer=observer, retry=ONCE)


async def sail(emulator: Emulator, folder: Path, traces: Traces, observer) -> None:
    """Submit, upload, poll, download, fail in every way; also by single calls, whose errors are raised."""
    clip = make_media("dancer.mp4", folder)
    befall(emulator)
    jobs = [
        ev.Job(f"shot-{n}", dance(n, video_urls=[clip] if n % 2 else ["https://example.com/a.mp4"])) for n in range(24)
    ]
    async with opened(emulator, folder / "jobs.db", observer) as pool:
        async for outcome in pool.run(jobs, download_to=folder / "out"):
            traces.outcomes.append(outcome)
        for act in (
            lambda: pool.generate(ev.RawParams("no-such-model", {"prompt": "x"})),
            lambda: pool.poll("task-that-never-was"),
            lambda: pool.upload(folder / "lost.mp4"),
            lambda: pool.upload(b"x" * 100, file_name="x.bin"),
        ):
            try:
                await act()
            except EvolinkError as error:
                traces.errors.append(error)
        traces.errors += [outcome.error for outcome in traces.outcomes if not isinstance(outcome, ev.Completed)]
        traces.events += [pool.stats(), pool.unfinished(), await pool.credits()]
        assert_no_object_shows_it()


@pytest.fixture
def only_new_objects():
    """What other tests left behind is no object that the collector names: some of it was refused while it was made."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def assert_no_object_shows_it() -> None:
    """Neither repr nor pickle of anything of ours that this test made and that is alive, be it public or not."""
    things = gc.get_objects()
    assert any(isinstance(thing, ev.SessionPool) for thing in things)
    for thing in things:
        home = str(type(thing).__module__)  # of some of CPython's own types it is no text
        if not home.startswith("evolink_async.") or home.startswith("evolink_async.emulator"):
            continue
        assert CANARY not in repr(thing), type(thing)
        try:
            pickled = pickle.dumps(thing)
        except Exception:  # noqa: BLE001  # most of them refuse, each in its way
            continue
        assert CANARY.encode() not in pickled, type(thing)


@pytest.mark.usefixtures("only_new_objects")
async def test_the_key_is_nowhere(emulator, tmp_path, caplog):
    """Not in logs at DEBUG, events, errors and their frames, pickles, journal, page, files; not at other hosts."""
    traces, log = Traces(), LogObserver()

    def observe(event: ev.events.Event) -> None:
        traces.events.append(event)
        log(event)

    caplog.set_level(logging.DEBUG)
    await sail(emulator, tmp_path, traces, observe)
    assert {type(outcome) for outcome in traces.outcomes} == {ev.Completed, ev.Failed, ev.Unknown}
    assert len(traces.errors) >= 6
    texts = [*traces.texts(), caplog.text]
    assert any("***" in text for text in texts), "the echo was met, and blanked out"
    assert [text for text in texts if CANARY in text] == []
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        assert any("***" in line for line in connection.iterdump())
    write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    assert b"***" in (tmp_path / "index.html").read_bytes()
    for path in tmp_path.rglob("*"):
        assert CANARY not in path.name
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    assert emulator.leaked_keys == 0


async def test_neither_is_it_on_a_screen_that_shows_locals(emulator, tmp_path):
    """What crash reporters do: the whole chain of an error, with the variables of every frame."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    screen = io.StringIO()
    async with open_pool(emulator, api_key=CANARY, retry=ONCE) as pool:
        try:
            await pool.generate(dance())
        except EvolinkError as error:
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            print(*report.format(), file=screen)
            context: BaseException = error
            while context.__context__ is not None:
                context = context.__context__
                print(repr(context), context.args, file=screen)
    assert "SubmissionUnknownError" in screen.getvalue()
    assert CANARY not in screen.getvalue()
