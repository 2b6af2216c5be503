"""Journals with jobs in every state, made without a service, and small real films."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

from evolink_async.emulator.rendering.video import encode_untitled
from evolink_async.emulator.service.output_spec import VideoSpec
from evolink_async.errors import SubmissionUnknownError, TaskFailedError
from evolink_async.jobs import Accepted, Completed, Failed, SavedFile, Timing, Unknown
from evolink_async.journal import Intent, Journal
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.task import Snapshot, TaskFailure

MODELS = ("wan2.6-reference-video", "wan2.6-image-to-video-flash", "wan2.7-reference-video")
BEGAN = 1_790_000_000.0
"""Unix seconds at which the jobs of these journals were accepted."""
STATES = ("ready", "failed", "doubt", "making", "planned")


def body_of(number: int, **changes: Any) -> dict[str, Any]:
    """The request body of a job."""
    return {
        "model": MODELS[number % len(MODELS)],
        "prompt": f"Take {number}: a person dances on a meadow in the evening sun, seen from a low camera",
        "video_urls": [f"https://example.com/reference-{number}.mp4"],
        "duration": 5,
        "quality": "720p",
    } | changes


def intent_of(key: str, body: dict[str, Any]) -> Intent:
    """A paid request about to be sent."""
    return Intent(
        key=key,
        model=str(body.get("model")),
        path="/v1/videos/generations",
        body=json.dumps(body).encode(),
        digest=f"digest of {key}",
        idempotency_key=f"purchase-{key}",
        session="735aa646",
        price_class="class",
    )


async def write_job(journal: Journal, key: str, state: str, number: int, body: dict[str, Any], **facts: Any) -> None:
    """Take a job to a state. `facts`: `urls`, `film`, `message`, `code`."""
    intent = intent_of(key, body)
    if state == "planned":
        await journal.planned(intent)
        return
    await journal.submitting(intent)
    if state == "doubt":
        message = facts.get("message", "no complete answer from the service")
        await journal.doubted(Unknown(key, SubmissionUnknownError(message, key=key, sent_at=BEGAN)))
        return
    task = f"task-{number}"
    snapshot = Snapshot(task_id=task, state="pending", credits_reserved=10.5, estimated_seconds=90.0)
    accepted_at = BEGAN + number % 600
    await journal.accepted(Accepted(key=key, task_id=task, snapshot=snapshot, accepted_at=accepted_at))
    if state == "failed":
        fault = TaskFailure(
            code=facts.get("code", "content_policy_violation"), message=facts.get("message", "The picture is refused.")
        )
        failed = Snapshot(task_id=task, state="failed", fault=fault)
        await journal.ended(Failed(key, TaskFailedError("task failed", snapshot=failed, code=fault.code), task))
    elif state == "ready":
        await _complete(journal, key, task, accepted_at, number, **facts)


async def _complete(journal: Journal, key: str, task: str, accepted_at: float, number: int, **facts: Any) -> None:
    path: Path | None = facts.get("film")
    completed = Completed(
        key=key,
        task_id=task,
        urls=facts.get("urls", (f"https://files.example.com/{task}.mp4?signature=0123456789abcdef",)),
        expires_at=BEGAN + 86400,
        snapshot=Snapshot(task_id=task, state="completed", credits_reserved=10.5, credits_used=10.5),
        timing=Timing(accepted_at=accepted_at, finished_at=accepted_at + 60 + number % 97, looks=3, lag=2.5),
        saved=() if path is None else (SavedFile(path, path.stat().st_size, None, path.stat().st_mtime_ns),),
    )
    await journal.ended(completed)
    if path is not None:
        await journal.saved(completed)


def opening(place: Path | str) -> Any:
    """The journal of a file or an address."""
    if isinstance(place, Path):
        return SqliteJournal(place)
    from evolink_async.journal.postgres import PostgresJournal

    return PostgresJournal(place)


def write_journal(path: Path | str, jobs: list[tuple[str, str, dict[str, Any], dict[str, Any]]]) -> None:
    """Write a journal of jobs: key, state, body, facts."""

    async def write() -> None:
        journal = opening(path)
        await journal.open()
        try:
            for start in range(0, len(jobs), 200):
                part = enumerate(jobs[start : start + 200], start)
                await asyncio.gather(
                    *(write_job(journal, key, state, at, body, **facts) for at, (key, state, body, facts) in part)
                )
        finally:
            await journal.aclose()

    # In a thread: the driver of a browser occupies the event loop of the test's own.
    with start_blocking_portal() as portal:
        portal.call(write)


def mixed_journal(path: Path | str, count: int, film_at: Path | None = None) -> None:
    """Write a journal of jobs in all states, most of them ready."""
    facts = {} if film_at is None else {"film": film_at}
    jobs = []
    for number in range(count):
        state = STATES[number] if number < len(STATES) else STATES[number % 50] if number % 50 < 3 else "ready"
        jobs.append((f"shot-{number:05}", state, body_of(number), facts if state == "ready" else {}))
    write_journal(path, jobs)


def make_film(folder: Path, name: str = "shot.mp4") -> Path:
    """A film of two seconds that browsers play."""
    path = folder / name
    path.write_bytes(encode_untitled(VideoSpec(width=320, height=180, seconds=2, audio=False)))
    return path
