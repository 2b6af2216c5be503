"""A doubt that two processes would send again is sent by the one that has it; the other one waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import attrs
import pytest

from evolink_async.concurrency import Signal
from evolink_async.errors import SubmissionUnknownError
from evolink_async.jobs import Failed, Job, Unknown
from evolink_async.journal import Known
from evolink_async.settings import Resubmit
from evolink_async.submitting.following import Following
from evolink_async.submitting.job_claims import JobClaims
from tests.kit import dance, until

pytestmark = pytest.mark.anyio

JOB = Job("shot", dance())
DOUBT = Unknown("shot", SubmissionUnknownError("lost", key="shot", idempotency_key="ev-shot", sent_at=1e9))


@attrs.define(eq=False)
class Shared:
    """A journal whose only job is in doubt, and claimed by somebody."""

    lease_seconds: float = 60.0
    holder: str = "another process"
    looks: int = 0
    failure: Exception | None = None
    ends: Signal = attrs.field(factory=Signal)

    async def claim(self, keys: Sequence[str], owner: str) -> dict[str, int | str]:
        """Give the job to who asks first."""
        self.looks += 1
        self.holder = self.holder or owner
        return dict.fromkeys(keys, 1 if self.holder == owner else self.holder)

    async def find(self, keys: Sequence[str]) -> dict[str, Unknown]:
        """Tell of the doubt, unless that fails."""
        if self.failure is not None:
            raise self.failure
        return dict.fromkeys(keys, DOUBT)

    async def known(self, jobs: Sequence[Job]) -> dict[str, Known]:
        """Tell of the doubt."""
        return {job.key: Known(DOUBT, session="one") for job in jobs}


async def followed(journal: Shared, resubmit: Resubmit, *, frees: bool) -> Known | Failed | None:
    """Follow the job, and return what comes of it; let it go after a while."""
    claims = JobClaims(cast("Any", journal), lambda key, task_id: True)
    following = Following(cast("Any", journal), claims, resubmit)
    try:
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(following.until_free(JOB))
            if frees:
                await until(lambda: journal.looks >= 3)
                assert not waiting.done()
                journal.holder = ""
            return await waiting
    finally:
        await following.aclose()
        await claims.aclose()


async def test_it_is_not_sent_without_its_claim():
    """Else two processes take turn after turn for one job, and the one that may not send it keeps the other from it."""
    journal = Shared()
    known = await followed(journal, "same_key", frees=True)
    assert isinstance(known, Known)
    assert known.standing == DOUBT
    assert journal.holder not in ("", "another process")


@pytest.mark.parametrize("resubmit", ["if_undelivered", "never"])
async def test_a_doubt_that_nobody_sends_again_is_told_at_once(resubmit):
    """There is nothing to wait for, whoever has it."""
    journal = Shared()
    known = await followed(journal, resubmit, frees=False)
    assert isinstance(known, Known)
    assert journal.holder == "another process"


async def test_an_exception_that_no_rule_expects_is_raised_where_somebody_waits():
    """Else who follows the job would wait for ever."""
    with pytest.raises(OSError, match="a journal of the user's"):
        await followed(Shared(failure=OSError("a journal of the user's")), "same_key", frees=False)
