"""What type checkers must see of the public API; never run.

A line with an ignore is one that has to be refused: strict settings complain about an ignore that is not needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_never, assert_type

from aiohttp import web
from fastapi import FastAPI

import evolink_async as ev
from evolink_async.budget import Estimate
from evolink_async.callbacks import CallbackReceiver
from evolink_async.errors import EvolinkError
from evolink_async.jobs import Outcome
from evolink_async.media import Upload
from evolink_async.params import AnyParams
from evolink_async.pool import OutcomeStream, SnapshotStream, Stats, UrlStream
from evolink_async.task import Snapshot, TaskFailure
from evolink_async.wire import Credits, PriceRules

URL = "https://example.com/a.mp4"

from_list = ev.Wan26ReferenceVideo(prompt="A", video_urls=[URL])
from_tuple = ev.Wan26ReferenceVideoFlash(prompt="A", video_urls=(URL,), generate_audio=False)
from_image = ev.Wan26ImageToVideoFlash(prompt="A", image_urls=[URL], duration=15)
mixed = ev.Wan27ReferenceVideo(prompt="A", image_urls=(URL,), video_urls=[URL], voice_bindings={"image1": URL})
raw = ev.RawParams("wan9", {"prompt": "A"}, path="/v1/videos/generations")


async def called_back(shots: list[ev.Job]) -> None:
    """A receiver in every kind of server, given to a pool."""
    receiver = CallbackReceiver("https://hooks.example.com/evolink", ["a new secret of mine", b"an old secret of mine"])
    app = web.Application()
    app.add_routes(receiver.routes())
    FastAPI().mount("/evolink", receiver.asgi)
    async with ev.SessionPool(callbacks=receiver) as pool, receiver.serve("127.0.0.1", 0) as port:
        assert_type(port, int)
        assert_type(receiver.url_for("shot-17", "ev-1"), str)
        pool.run(shots)
    ev.SessionPool(callbacks="https://hooks.example.com")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def lazily() -> Iterator[ev.Job | AnyParams]:
    """Input that is made while it is read."""
    yield ev.Job("a", from_list)
    yield from_tuple
    yield raw


async def from_elsewhere() -> AsyncIterator[ev.Wan26ReferenceVideo]:
    """Input that waits while it is read; of one model only."""
    yield from_list


async def many() -> None:
    """A run over every kind of input."""
    async with ev.SessionPool() as pool:
        assert_type(pool, ev.SessionPool)
        assert_type(pool.run([from_list, from_tuple, from_image, mixed, raw, ev.Job("k", raw)]), OutcomeStream)
        pool.run((from_list,), download_to="films", timeout=900)
        pool.run({from_list}, download_to=Path("films"), name="{key}{ext}")
        pool.run([ev.Job(str(number), from_list) for number in range(3)])
        pool.run(lazily())
        pool.run(from_elsewhere())
        pool.run("wan")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pool.run([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        pool.run([{"model": "wan2.6-reference-video"}])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        async with pool.run([from_list]) as stream:
            assert_type(stream, OutcomeStream)
            async for outcome in stream:
                assert_type(outcome, Outcome)
                told(outcome)
        assert_type(pool.urls([from_list]), UrlStream)
        assert_type([url async for url in pool.urls([from_list], timeout=5)], list[str])
        assert_type(await pool.download(await pool.generate(from_list), Path("films")), ev.Completed)
        assert_type(await pool.upload(Path("a.mp4"), file_name="b.mp4"), Upload)
        await pool.upload(b"film")
        await pool.upload(URL)
        await pool.upload(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(pool.unfinished(), tuple[ev.Accepted | ev.Unknown, ...])
        assert_type(pool.stats(), Stats)
        assert_type(pool.stats().credits_left, float | None)
        assert_type(await pool.estimate([]), Estimate)
        assert_type(await pool.prices(), PriceRules | None)
        assert_type(await pool.credits(), tuple[Credits, ...])


def told(outcome: Outcome) -> str:
    """Three cases are all cases, and each attribute has its type."""
    assert_type(outcome.key, str)
    match outcome:
        case ev.Completed(key=key, url=url, files=files, download_error=error):
            assert_type(url, str)
            assert_type(files, tuple[Path, ...])
            assert_type(error, ev.DownloadError | None)
            assert_type(outcome.urls, tuple[str, ...])
            assert_type(outcome.credits, float | None)
            assert_type(outcome.timing.lag, float)
            assert_type(outcome.snapshot, Snapshot)
            return key
        case ev.Failed(error=error, task_id=task_id):
            assert_type(error, EvolinkError)
            assert_type(error.advice, str)
            assert_type(error.may_resubmit, bool)
            assert_type(task_id, str | None)
            return error.advice
        case ev.Unknown(key=key, error=error):
            assert_type(error, ev.SubmissionUnknownError)
            return key
        case _:
            assert_never(outcome)


def forgot_one(outcome: Outcome) -> str:
    """A case left out is seen by the checker."""
    match outcome:
        case ev.Completed(url=url):
            return url
        case ev.Failed():
            return ""
        case _:
            assert_never(outcome)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def one(pool: ev.SessionPool) -> None:
    """Single jobs and tasks."""
    assert_type(await pool.generate(from_list, timeout=900), ev.Completed)
    accepted = await pool.submit(raw, key="shot-17")
    assert_type(accepted, ev.Accepted)
    assert_type(accepted.task_id, str)
    assert_type(accepted.credits_reserved, float | None)
    assert_type(await pool.wait(accepted.task_id, timeout=None), ev.Completed)
    snapshot = await pool.poll("task-unified-1757169743-7cvnl5zw")
    assert_type(snapshot, Snapshot)
    assert_type(snapshot.state, str)
    assert_type(snapshot.fault, TaskFailure | None)
    assert_type(snapshot.progress_percent, int | None)
    assert_type(pool.watch("t"), SnapshotStream)
    async with pool.watch("t") as looks:
        assert_type([look async for look in looks], list[Snapshot])
    await pool.submit(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pool.wait(accepted)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    snapshot.state = "done"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def errors(pool: ev.SessionPool) -> None:
    """What an error tells, by its class."""
    try:
        await pool.generate(from_list)
    except ev.ParamsError as error:
        assert_type([fault.path for fault in error.faults], list[str])
    except ev.SubmissionUnknownError as error:
        assert_type(error.idempotency_key, str | None)
        assert_type(error.sent_at, float | None)
    except ev.TaskFailedError as error:
        assert_type(error.snapshot, Snapshot)
    except ev.StatusError as error:
        assert_type(error.code, str | int | None)
        assert_type(error.retry_after, float | None)
    except ev.DeadlineError as error:
        assert_type(error.task_id, str)


def settings() -> ev.SessionPool:
    """Every setting; keyword-only."""
    ev.RetryPolicy(resubmit="always")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ev.Limits(32)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    return ev.SessionPool(
        ["sk-one", "sk-two"],
        base_url="https://api.evolink.ai",
        limits=ev.Limits(requests=32, submits=8, in_flight=1000),
        cadence=ev.Cadence(polls_per_second=20, first_look=60),
        retry=ev.RetryPolicy(resubmit="same_key", patience=300),
        http=ev.HttpOptions(connect_timeout=10, user_agent="film-club/2"),
    )


def loaded(line: dict[str, object]) -> ev.Params:
    """Parameters out of a JSON object, and back."""
    assert_type(ev.load_params(line), ev.Params)
    assert_type(ev.load_params(line, check=False), ev.Params | ev.RawParams)
    ev.dump_params(raw)
    return ev.load_params(line)
