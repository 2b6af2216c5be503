"""Two thousand jobs while status reads fail some of the time, then always for minutes, then never: the full size.

What the small size shows is `tests/polling/test_storm.py`; a picture of it is made by `storm_plot`.
"""

from __future__ import annotations

import pytest

from evolink_async import Completed
from tests.kit import jobs
from tests.soak.storm import LONG, STORM, compare, most_within

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.mark.parametrize("batch", ["never", "auto"])
async def test_two_thousand_jobs_come_through_a_storm(batch):
    """All complete, each once; at most a tenth more requests than in calm; the budget holds, most of all afterwards."""
    calm, rough = await compare(STORM, batch)
    print(batch, f"calm {calm.requests}, storm {rough.requests}: {rough.requests / calm.requests:.2f}")  # noqa: T201
    for run in (calm, rough):
        assert all(isinstance(outcome, Completed) for outcome in run.outcomes)
        assert sorted(outcome.key for outcome in run.outcomes) == sorted(job.key for job in jobs(STORM.count))
        assert run.bought == STORM.count
        for seconds in (1, 10):
            assert most_within(run.sent, seconds) <= STORM.allows(seconds)
    assert any(STORM.begin <= at < STORM.total for at in rough.failed)
    assert any(STORM.total <= at < STORM.end for at in rough.failed)
    assert rough.requests <= 1.1 * calm.requests
    probes = [at for at in rough.arrived if STORM.total + 10 <= at < STORM.end]
    assert len(probes) <= 2 * (5 + (STORM.end - STORM.total) / 30)
    after = [at for at in rough.arrived if at >= STORM.end]
    assert most_within(after, 10) <= 1.5 * 10 * STORM.budget


async def test_reads_that_fail_now_and_then_do_not_end_batch_reads():
    """A batch that fails by chance is no broken route: tasks go on to be read together, and the cost stays small.

    The jobs that a storm holds up begin at once when it is over, and cost as much as those of any beginning; hence the
    bound. Read one by one they would cost six times as much.
    """
    calm, rough = await compare(LONG, "auto")
    print(f"calm {calm.requests}, storm {rough.requests}: {rough.requests / calm.requests:.2f}")  # noqa: T201
    assert all(isinstance(outcome, Completed) for outcome in rough.outcomes)
    assert rough.requests <= 1.5 * calm.requests
