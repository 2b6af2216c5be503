"""A time-out ends a wait soon, though the service says nothing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

import evolink_async as ev
from evolink_async.emulator import faults
from evolink_async.polling.poll_trouble import PollTrouble
from evolink_async.polling.watched_task import WatchedTask
from evolink_async.pool import task_waits
from tests.kit import dance, error_of, open_pool


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["wait", "generate", "run"])
async def test_a_time_out_does_not_wait_for_a_service_that_is_silent(emulator, monkeypatch, how):
    """Neither for the poll under way nor for another one after it."""
    monkeypatch.setattr(task_waits, "LAST_POLL_SECONDS", 0.1)
    emulator.faults.on("poll", faults.ALWAYS, faults.HANG_BEFORE_ACCEPT)
    patient = ev.HttpOptions(poll_timeout=3600, allow_private_results=True)
    async with asyncio.timeout(30), open_pool(emulator, http=patient) as pool:
        if how == "run":
            [outcome] = [outcome async for outcome in pool.run([dance()], timeout=0.1)]
            error: BaseException = error_of(outcome)
        else:
            with pytest.raises(ev.DeadlineError) as caught:
                await (pool.generate(dance(), timeout=0.1) if how == "generate" else waited(pool))
            error = caught.value
    assert isinstance(error, ev.DeadlineError)
    assert len(emulator.received) == 2  # the submit, and one poll


async def waited(pool: ev.SessionPool) -> None:
    """Submit, and wait a little."""
    await pool.wait((await pool.submit(dance())).task_id, timeout=0.1)


@pytest.mark.parametrize(
    ("bucket", "polled", "has_failed", "is_silent"),
    [
        (None, 6.0, False, True),
        (None, 4.0, False, False),  # it was sent late, as there are many
        (None, 4.0, True, True),  # the one before it took the time
        (7, 60.0, False, False),  # it has not been sent yet
        (7, 60.0, True, False),
    ],
)
def test_a_service_is_silent_when_it_was_asked(bucket, polled, has_failed, is_silent):
    """Of polls that the request budget holds back the service does not know."""
    entry = WatchedTask("t", cast("Any", None), None, 0.0, polled_at=1000.0, bucket=bucket)
    entry.trouble = PollTrouble(since=1000.0) if has_failed else None
    assert task_waits._is_silent(entry, 1000.0 + polled) is is_silent
