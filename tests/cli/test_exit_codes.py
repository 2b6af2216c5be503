"""Which exit code a run ends with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolink_async import Completed, Failed, Job, Unknown
from evolink_async.cli import exit_codes
from evolink_async.cli.running.run_plan import RunPlan
from evolink_async.cli.running.run_result import RunResult
from evolink_async.errors import DownloadError, OutageError, SubmissionUnknownError, TransportError
from evolink_async.jobs import Timing
from evolink_async.pool import Stats
from evolink_async.task import Snapshot
from tests.kit import dance

PLAN = RunPlan(jobs=(Job("a", dance(1)), Job("b", dance(2))), folder=Path("out"))
FAILED = Failed("a", TransportError("no connection"))
DOUBT = Unknown("a", SubmissionUnknownError("no answer", key="a"))


def completed(**changes: Any) -> Completed:
    snapshot = Snapshot(task_id="task-1", state="completed", urls=("https://example.com/a.mp4",))
    timing = Timing(accepted_at=1.0, finished_at=2.0, looks=1, lag=0.0)
    told: dict[str, Any] = {"snapshot": snapshot, "timing": timing, "urls": snapshot.urls, "expires_at": 3.0}
    return Completed(key="a", task_id="task-1", **told, **changes)


@pytest.mark.parametrize(
    ("outcomes", "bad_lines", "code"),
    [
        ([completed()], 0, 0),
        ([completed()], 1, 1),
        ([completed(), FAILED], 0, 1),
        ([completed(download_error=DownloadError("disk full", url="https://example.com/a.mp4"))], 0, 1),
        ([FAILED, DOUBT], 1, 3),
        ([], 0, 0),
    ],
)
def test_of_a_whole_run(outcomes, bad_lines, code):
    """A doubt counts most, then anything that went wrong."""
    result = RunResult(plan=PLAN, outcomes=tuple(outcomes), seconds=1)
    assert exit_codes.of_run(result, bad_lines=bad_lines) == code
    assert exit_codes.of_outcomes(iter(outcomes), bad_lines=bad_lines) == code


def test_of_a_run_whose_journal_could_not_be_written():
    """All is well but for what the next run will not know."""
    result = RunResult(plan=PLAN, outcomes=(completed(),), seconds=1, stats=Stats(unrecorded=1))
    assert exit_codes.of_run(result) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stopped_by": asyncio.CancelledError()}, 130),
        ({"stopped_by": BrokenPipeError(), "in_doubt": (DOUBT,)}, 141),
        ({"stopped_by": OSError("disk full")}, 1),
        ({"stopped_by": OSError("disk full"), "in_doubt": (DOUBT,)}, 3),
        ({"stopped_by": OutageError("out")}, 1),
        ({"stopped_by": OutageError("out"), "in_doubt": (DOUBT,)}, 3),
        ({"drained": True}, 130),
        ({"drained": True, "open_tasks": {"b": "task-2"}}, 0),
    ],
)
def test_of_a_run_that_was_stopped(changes, code):
    """The reason decides; a Ctrl-C after the last submit changes nothing."""
    result = RunResult(plan=PLAN, outcomes=(completed(),), seconds=1, **changes)
    assert result.ended_early == (code != 0)
    assert exit_codes.of_run(result) == code
