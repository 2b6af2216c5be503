"""LogObserver: which line an event gives, at which level, with which facts."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from evolink_async.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    RateLimitError,
    SubmissionUnknownError,
    TaskFailedError,
    TransportError,
    UploadError,
)
from evolink_async.events import (
    BatchReadsOff,
    DownloadsBehind,
    DownloadTrouble,
    KeyRestored,
    KeySuspended,
    SubmitsHalted,
    SubmitsLimited,
    SubmitsResumed,
)
from evolink_async.task import Snapshot, TaskFailure
from evolink_async.telemetry import LogObserver
from tests.telemetry.history import (
    LINK,
    NOON,
    PROMPT,
    SESSION,
    TASK,
    accepted,
    completed,
    downloaded,
    everything,
    failed,
    one_job,
    polled,
    started,
    submitted,
    unknown,
    uploaded,
    uploading,
)

REFUSED = RateLimitError(429, PROMPT, code="rate_limited", request_id="req-1")
BAD_FILM = TaskFailedError(
    f"task failed: {PROMPT}",
    snapshot=Snapshot(task_id=TASK, state="failed", fault=TaskFailure(code="service_error", message=PROMPT)),
    code="service_error",
    advice="Submit again in 30 to 60 seconds.",
)
SUSPENDED = KeySuspended(at=NOON, session=SESSION, error=InsufficientCreditsError(402, PROMPT, code="no_credits"))

LINES = {
    "started": (started(), "INFO", "job shot-1 started: wan2.6-reference-video"),
    "resumed": (
        started(task_id=TASK),
        "INFO",
        "job shot-1 taken up again: wan2.6-reference-video, task task-unified-1",
    ),
    "accepted": (
        accepted(),
        "INFO",
        "job shot-1 accepted as task task-unified-1 after 0.50 s, 12 credits held",
    ),
    "repeated": (
        submitted(error=REFUSED, is_repeated=True),
        "INFO",
        "job shot-1, submit 1: RateLimitError (HTTP 429, code rate_limited, request req-1); it is sent again",
    ),
    "refused": (
        submitted(error=REFUSED, send=3),
        "WARNING",
        "job shot-1, submit 3: RateLimitError (HTTP 429, code rate_limited, request req-1); it is not sent again",
    ),
    "polled": (polled(TASK, states=("processing",)), "DEBUG", "polled task task-unified-1: processing"),
    "poll failed": (
        polled(TASK, error=TransportError(PROMPT)),
        "DEBUG",
        "polled task task-unified-1: TransportError",
    ),
    "polled many": (
        polled("a", "b", "c", "d", states=("pending", "completed", "pending", None)),
        "DEBUG",
        "polled 4 tasks: 2 pending, 1 completed, 1 no answer",
    ),
    "odd state": (polled(TASK, states=(PROMPT,)), "DEBUG", "polled task task-unified-1: of another kind"),
    "uploading": (uploading(), "DEBUG", "uploading films/clip.mp4: 1000 of 5000 bytes"),
    "uploaded": (uploaded(), "INFO", "uploaded films/clip.mp4 in 2.00 s"),
    "not uploaded": (
        uploaded(error=UploadError(PROMPT, source="films/clip.mp4", status=400, code=400)),
        "WARNING",
        f"films/clip.mp4 was not uploaded: UploadError (HTTP 400, code 400). {UploadError.advice}",
    ),
    "saved": (downloaded(), "INFO", "job shot-1 saved as films/shot-1.mp4, 5000 bytes in 2.00 s"),
    "completed": (
        completed(),
        "INFO",
        "job shot-1 completed: task task-unified-1, 11 credits, polls: 2, noticed within 3.5 s",
    ),
    "completed before": (
        completed(resumed=True),
        "INFO",
        "job shot-1 completed in an earlier run: task task-unified-1",
    ),
    "failed": (
        failed(BAD_FILM),
        "WARNING",
        "job shot-1 failed: TaskFailedError (code service_error). Submit again in 30 to 60 seconds.",
    ),
    "denied": (
        failed(AuthenticationError(401, PROMPT), task_id=None),
        "WARNING",
        f"job shot-1 failed: AuthenticationError (HTTP 401). {AuthenticationError.advice}",
    ),
    "unknown": (
        unknown(),
        "ERROR",
        "job shot-1 may have been paid for, idempotency key ev-0123456789abcdef: SubmissionUnknownError (HTTP 502). "
        + SubmissionUnknownError.advice,
    ),
    "suspended": (
        SUSPENDED,
        "ERROR",
        "API key f1a9e4b2 is suspended: InsufficientCreditsError (HTTP 402, code no_credits). "
        + InsufficientCreditsError.advice,
    ),
    "restored": (
        KeyRestored(at=NOON, session=SESSION),
        "INFO",
        "API key f1a9e4b2 may work again; one job tries it",
    ),
    "halted": (
        SubmitsHalted(at=NOON, error=SubmissionUnknownError(PROMPT, status=502, request_id="req-1")),
        "WARNING",
        "no paid requests for now, but one at a time to see if the service is back: "
        "SubmissionUnknownError (HTTP 502, request req-1)",
    ),
    "resumed submits": (SubmitsResumed(at=NOON), "INFO", "the service accepts paid requests again"),
    "limited": (SubmitsLimited(at=NOON, limit=4), "INFO", "at most 4 submits at once from now on"),
    "behind": (
        DownloadsBehind(at=NOON, waiting=900, needed=7200.0, left=3600.0),
        "WARNING",
        "900 results wait to be saved, for 7200 s; the last of their links expires in 3600 s",
    ),
    "no results": (
        DownloadTrouble(at=NOON, host="files.example", reason=PROMPT, patience=300.0),
        "WARNING",
        "files.example does not give the results; each is tried for up to 300 s",
    ),
    "batch requests off": (
        BatchReadsOff(at=NOON, reason=PROMPT),
        "WARNING",
        "tasks are polled one by one from now on, as batch requests failed",
    ),
}


@pytest.fixture
def observer(caplog) -> LogObserver:
    """One that writes all it may."""
    caplog.set_level(logging.DEBUG, "evolink_async")
    return LogObserver()


@pytest.mark.parametrize(("event", "level", "text"), LINES.values(), ids=LINES)
def test_each_event_is_one_readable_line(observer, caplog, event, level, text):
    """Of the level that says how much it matters, to the logger `evolink_async`."""
    observer(event)
    assert caplog.record_tuples == [("evolink_async", getattr(logging, level), text)]


def facts(record: logging.LogRecord) -> dict[str, object]:
    """What a record says to machines."""
    return {name: value for name, value in vars(record).items() if name.startswith("evolink_")}


def test_the_facts_of_a_line_are_attributes_of_its_record(observer, caplog):
    """Those that are known; what is not is absent."""
    observer(accepted())
    observer(unknown())
    assert facts(caplog.records[0]) == {
        "evolink_key": "shot-1",
        "evolink_model": "wan2.6-reference-video",
        "evolink_session": SESSION,
        "evolink_send": 1,
        "evolink_seconds": 0.5,
        "evolink_task_id": TASK,
        "evolink_credits_reserved": 12.0,
    }
    assert facts(caplog.records[1]) == {
        "evolink_key": "shot-1",
        "evolink_outcome": "unknown",
        "evolink_idempotency_key": "ev-0123456789abcdef",
        "evolink_error": "SubmissionUnknownError",
        "evolink_status": 502,
    }


def test_records_of_one_kind_share_a_text(observer, caplog):
    """What differs is in the arguments, so tools that group lines by their text see one kind."""
    observer(started("a"))
    observer(started("b"))
    assert len({record.msg for record in caplog.records}) == 1


def test_the_level_keeps_polls_out(caplog):
    """`level` is the least that is written, even where the logger lets all through."""
    caplog.set_level(logging.DEBUG)
    observer = LogObserver(level=logging.INFO)
    for event in one_job():
        observer(event)
    assert [record.levelname for record in caplog.records] == ["INFO"] * 5


def test_the_logger_can_be_chosen(caplog):
    """Lines go there and nowhere else."""
    caplog.set_level(logging.DEBUG, "films")
    LogObserver(logging.getLogger("films"))(started())
    assert [record.name for record in caplog.records] == ["films"]


def test_texts_are_told_when_asked_for(caplog):
    """On one line, cut short, links reduced to their host: a link may be signed."""
    observer = LogObserver(texts=True)
    observer(failed(AuthenticationError(401, f"no\nvideo of {PROMPT} at {LINK}, sorry")))
    observer(BatchReadsOff(at=NOON, reason="HTTP 404: " + "x" * 10_000))
    first, second = caplog.messages
    assert f"HTTP 401: no video of {PROMPT} at https://results.example.com/... sorry. Check" in first
    assert "signature" not in first
    assert second.endswith("x...")
    assert len(second) < 600
    assert "\n" not in first + second


def test_a_line_that_is_not_enabled_is_not_made(caplog):
    """With the logger at WARNING, polls cost a comparison."""
    caplog.set_level(logging.WARNING, "evolink_async")
    observer = LogObserver()
    # Writing the line would raise.
    unreadable: Any = None
    observer(polled(TASK, states=unreadable))
    assert caplog.records == []


def test_every_event_can_be_written(observer, caplog):
    """Whatever error is in it."""
    events = list(everything())
    for event in events:
        observer(event)
    assert len(caplog.messages) == len(events)
    assert not any("None" in message for message in caplog.messages if "idempotency" not in message)
