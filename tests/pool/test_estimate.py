"""`pool.estimate` on an emulator: what jobs will cost, by which source, and that asking costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from evolink_async import Budget, Completed, ConfigurationError, Failed, Job, Limits, RawParams, SessionPool
from evolink_async.client import PriceCatalogue, Session
from evolink_async.client.price_catalogue import FRESH_SECONDS, PAUSE_SECONDS
from evolink_async.concurrency import Limiter
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.faults.kinds import Drop
from evolink_async.media import LocalMedia
from evolink_async.models import (
    Wan25TextToImage,
    Wan26ImageToVideoFlash,
    Wan27VideoEdit,
    Wan30ReferenceVideo,
    Wan30TextToVideo,
)
from evolink_async.wire import Response
from tests.budget.catalogues import REFERENCE, answer
from tests.footage import clip
from tests.kit import PATIENT, dance, jobs, open_pool, until

pytestmark = pytest.mark.anyio

CLIP = "https://example.com/a.mp4"
MIXED = [
    Job("dance", dance(1, duration=2)),
    Job("flash", Wan26ImageToVideoFlash(prompt="x", image_urls=["https://example.com/a.png"], generate_audio=False)),
    Job("chosen", Wan30TextToVideo(prompt="x", duration=-1, quality="480p")),
    Job("edit", Wan27VideoEdit(prompt="x", video_urls=[CLIP])),
    Job("reference", Wan30ReferenceVideo(prompt="x", video_urls=[CLIP, CLIP], duration=2)),
    Job("images", Wan25TextToImage(prompt="x", n=2)),
]


def paid(emulator: Emulator) -> int:
    return len([one for one in emulator.received if one.kind == "submit"])


def asked(emulator: Emulator) -> list[int]:
    return [one.ordinal for one in emulator.received if one.kind == "prices"]


@pytest.mark.parametrize("prices", [True, False], ids=["catalogue", "list"])
async def test_a_run_costs_what_was_estimated(prices):
    """What the emulator charges for a run is within the bounds that were told before; telling them buys nothing.

    It counts no seconds of input. Its own catalogue says so; the list, which is the vendor's, may be above it.
    """
    async with Emulator(speed=1000, prices=prices) as emulator, open_pool(emulator) as pool:
        told = await pool.estimate(MIXED)
        assert (paid(emulator), emulator.ledger.accepted, len(emulator.received)) == (0, 0, 1)
        assert {line.source for line in told.lines} == {"catalogue" if prices else "list"}
        assert (told.jobs, told.unknown) == (len(MIXED), ())
        async with pool.run(MIXED) as outcomes:
            credits_used = {one.key: one.credits async for one in outcomes if isinstance(one, Completed)}
        assert len(credits_used) == len(MIXED)
        assert told.high is not None
        assert (told.low if prices else 0) <= emulator.ledger.charged <= told.high
        for job in MIXED:
            one = await pool.estimate([Job(f"{job.key} again", job.params)])
            assert (one.low if prices else 0) <= (credits_used[job.key] or 0) <= (one.high or 0), job.key


async def test_what_is_not_known_is_named(emulator):
    """A model that nobody prices, and a total that says that it is not all."""
    async with open_pool(emulator) as pool:
        told = await pool.estimate([dance(1, duration=5), RawParams("film-9", {"prompt": "x"})])
        [unknown] = told.unknown
        assert (unknown.price_class.model, unknown.jobs) == ("film-9", 1)
        assert "names a price of film-9" in unknown.why
        assert (told.low, told.high, str(told)) == (23.8, None, "at least 23.8 credits for 2 jobs")


async def test_jobs_that_cost_nothing(emulator, tmp_path):
    """Those that the journal knows, those that are there twice, and those that would not be sent are counted apart."""
    journal, ended, open_job = tmp_path / "jobs.db", Job("ended", dance(1)), Job("open", dance(2))
    async with open_pool(emulator, journal=journal) as pool:
        await pool.generate(ended.params, key=ended.key)
    async with Emulator(speed=0.001) as slow, open_pool(slow, journal=journal, budget=Budget(credits=1000)) as pool:
        await pool.submit(open_job.params, key=open_job.key)
        slow.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
        [doubt] = [outcome async for outcome in pool.run([Job("doubt", dance(3))])]
        assert doubt.key == "doubt"
        given: list[Any] = [
            ended,
            open_job,
            Job("doubt", dance(3)),
            Job("new", dance(4)),
            Job("new", dance(4)),
            Job("ended too", dance(1)),
            Job("open", dance(5)),  # a duplicate, whatever its parameters are
            dance(6, video_urls=[LocalMedia(tmp_path / "gone.mp4")]),
            "no job",
        ]
        told = await pool.estimate(given)
        assert (told.ended, told.under_way, told.in_doubt) == (1, 1, 1)
        assert (told.duplicates, told.refused, told.jobs) == (2, 2, 2)
        conflict = await pool.estimate([Job("ended", dance(9))])
        assert (conflict.refused, conflict.jobs, str(conflict)) == (1, 0, "0 credits for 0 jobs")


async def test_a_job_on_its_way_is_not_counted_again(emulator):
    """While its submit is under way, its price is reserved, or soon will be."""
    emulator.faults.on("submit", 1, faults.HANG_BEFORE_ACCEPT)
    async with open_pool(emulator, retry=PATIENT) as pool:
        submit = asyncio.create_task(pool.submit(dance(1), key="a"))
        await until(lambda: paid(emulator))
        told = await pool.estimate([Job("a", dance(1)), Job("b", dance(2))])
        assert (told.under_way, told.jobs) == (1, 1)
        submit.cancel()


@pytest.mark.parametrize("budget", [None, Budget(credits=1000)], ids=["journal", "budget"])
async def test_learned_prices_come_first(emulator, tmp_path, budget):
    """What the service named, in this run or an earlier one; the catalogue is asked for the rest."""
    flash = Wan26ImageToVideoFlash(prompt="x", image_urls=["https://example.com/a.png"], duration=2)
    async with open_pool(emulator, journal=tmp_path / "jobs.db", budget=budget) as pool:
        await pool.generate(flash)
        told = await pool.estimate([Job("next", flash)])
        [line] = told.lines
        assert (line.source, line.low, line.high, line.as_of) == ("learned", 6, 6, None)
    async with open_pool(emulator, journal=tmp_path / "jobs.db", budget=budget) as pool:
        [line] = (await pool.estimate([Job("next", flash)])).lines
        assert line.source == "learned"


async def test_local_files_are_measured(emulator, tmp_path):
    """So the seconds of input are known, and the price is one figure."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip(4))
    async with Emulator(speed=1000, prices=False) as plain, open_pool(plain) as pool:
        [line] = (await pool.estimate([dance(1, video_urls=[LocalMedia(path)], duration=5)])).lines
        assert line.low == line.high == pytest.approx(4.76 * 9)
        assert line.price_class.input_seconds is None
        assert plain.received[-1].kind == "prices"


async def test_an_input_of_any_kind(emulator):
    """A generator that is asynchronous, as `run` takes one; it may be longer than a page of the journal."""

    async def source() -> AsyncIterator[Job]:
        for job in jobs(1203):
            yield job

    async with open_pool(emulator) as pool:
        told = await pool.estimate(source())
        assert (told.jobs, len(told.lines)) == (1203, 1)
        assert told.low == told.high == 1203 * 23.8
        assert (await pool.estimate([])).jobs == 0


async def test_a_single_job_is_a_mistake(emulator):
    """As for `run`; and a pool that is not open cannot tell."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ConfigurationError, match="an iterable of jobs"):
            await pool.estimate(dance(1))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="not open"):
        await SessionPool("sk-x").estimate([])


# --- the catalogue


async def test_the_catalogue_is_asked_once(emulator):
    """By all who estimate at the same time, and in the minutes after; not for jobs that cost nothing."""
    async with open_pool(emulator) as pool:
        await pool.estimate([])
        assert asked(emulator) == []
        await asyncio.gather(*(pool.estimate(jobs(3)) for _ in range(5)))
        assert await pool.prices() is await pool.prices()
        assert asked(emulator) == [1]


@pytest.mark.parametrize(
    "fault",
    [
        faults.HTML_200,
        faults.NOT_JSON,
        faults.REFUSE,
        faults.DROP_BEFORE_ACCEPT,
        faults.reply(401),
        faults.reply(402),
        faults.reply(403),
        faults.reply(429),
        faults.reply(500),
        faults.reply(503, "<html>no backend</html>", content_type="text/html"),
        faults.reply(200, "{}"),
        faults.reply(200, '{"models": [null, 5, {"model_id": "wan2.6-reference-video"}]}'),
        faults.reply(304),
    ],
    ids=lambda fault: str(fault)[:60],
)
async def test_a_catalogue_that_fails_changes_nothing_but_the_source(emulator, fault):
    """It is asked once, the list is used, and jobs are run as ever: no key is suspended for it."""
    emulator.faults.on("prices", faults.ALWAYS, fault)
    async with open_pool(emulator) as pool:
        [line] = (await pool.estimate([dance(1)])).lines
        assert (line.source, line.as_of) == ("list", "2026-10-10")
        requests = len(asked(emulator))
        assert requests == 1 or (requests == 2 and isinstance(fault, Drop))  # aiohttp repeats a GET that was cut off
        assert (await pool.estimate([dance(2)])).lines[0].source == "list"
        assert len(asked(emulator)) == requests
        assert (await pool.generate(dance(1))).url


class Answers:
    """A transport that gives prepared answers, and remembers the versions that it was asked for."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.versions: list[str | None] = []

    async def send(self, request: Any, _: object = None) -> Response:
        """Give the next one."""
        self.versions.append(request.headers.get("If-None-Match"))
        return self.answers.pop(0)

    async def aclose(self) -> None:
        """Do nothing."""


async def test_an_old_catalogue_is_asked_for_again():
    """With its version: 304 keeps it, an error keeps it too, and a new one takes its place."""
    body = {"models": [REFERENCE]}
    transport = Answers(
        answer(body, etag='"1"'), answer({}, 304), answer({}, 500), answer({"models": []}, etag='"2"'), answer({}, 304)
    )
    now = [0.0]
    session = Session(transport, "fingerpr", policy=PATIENT)
    prices = PriceCatalogue((session,), Limiter(1), now=lambda: now[0])
    first = await prices.rules()
    for seconds, versions in [
        (FRESH_SECONDS - 1, 1),
        (1, 2),  # 304
        (FRESH_SECONDS - 1, 2),
        (1, 3),  # 500
        (PAUSE_SECONDS - 1, 3),
    ]:
        now[0] += seconds
        assert await prices.rules() is first
        assert len(transport.versions) == versions
    now[0] += 1
    second = await prices.rules()
    assert second is not None
    assert dict(second.models) == {}
    now[0] += FRESH_SECONDS
    assert await prices.rules() is second
    assert transport.versions == [None, '"1"', '"1"', '"1"', '"2"']


# --- the budget in the stats


async def test_the_budget_in_the_stats(emulator):
    """Left, held and spent are the limit together, while tasks are under way and after; None without a budget."""
    async with open_pool(emulator, budget=Budget(credits=100), limits=Limits(submits=1)) as pool:
        assert (pool.stats().credits_left, pool.stats().credits_held, pool.stats().credits_spent) == (100, 0, 0)
        await pool.submit(dance(1), key="a")
        assert (pool.stats().credits_left, pool.stats().credits_held) == (76.2, 23.8)
        async for _ in pool.run(jobs(4)):
            stats = pool.stats()
            parts = (stats.credits_left, stats.credits_held, stats.credits_spent)
            assert sum(round((part or 0) * 10_000) for part in parts) == 1_000_000
        stats = pool.stats()
        assert stats.credits_spent == pytest.approx(stats.credits_used)
    async with open_pool(emulator) as pool:
        assert (pool.stats().credits_left, pool.stats().credits_held, pool.stats().credits_spent) == (None, None, None)
    assert SessionPool("sk-x").stats().credits_left is None


async def test_failed_jobs_cost_something_only_if_they_are_retried(tmp_path):
    """A plain run does not buy them anew, so they are counted as ended; with `retry_failed` they are priced."""
    journal = tmp_path / "films.db"
    async with Emulator(speed=1000, failure_share=1) as emulator, open_pool(emulator, journal=journal) as pool:
        assert [type(outcome) async for outcome in pool.run(jobs(2))] == [Failed, Failed]
        plain, retried = await pool.estimate(jobs(2)), await pool.estimate(jobs(2), retry_failed=True)
        assert (plain.jobs, plain.ended) == (0, 2)
        assert (retried.jobs, retried.ended) == (2, 0)
        assert paid(emulator) == 2
        _ = [one async for one in pool.run(jobs(2), retry_failed=True)]
        assert paid(emulator) == 4
