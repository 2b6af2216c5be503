"""The lifecycle of a task: a pure function of the task and the clock."""

from hypothesis import given
from hypothesis import strategies as st

from evolink_async.emulator.service.task_lifecycle import TASK_CODES, Lifecycle, draw_lifecycle, view

seconds = st.floats(0, 1e6)


def drawn(ordinal: int = 1, *, seed: int = 0, failure_share: float = 0.0) -> Lifecycle:
    return draw_lifecycle(
        seed=seed, ordinal=ordinal, accepted_at=0.0, median_seconds=120.0, failure_share=failure_share
    )


@given(st.integers(1, 10_000), seconds, seconds)
def test_progress_never_decreases_before_the_end(ordinal, one, other):
    """Of two polls, the later one shows at least the progress of the earlier one."""
    life = drawn(ordinal)
    early, late = view(life, min(one, other)), view(life, max(one, other))
    assert early.progress <= late.progress


@given(st.integers(1, 10_000), seconds)
def test_progress_fits_the_status(ordinal, now):
    """Pending shows 0 to 10, processing 10 to 80, completed 100, as the vendor documents."""
    seen = view(drawn(ordinal), now)
    low, high = {"pending": (0, 10), "processing": (10, 80), "completed": (100, 100)}[seen.status]
    assert low <= seen.progress <= high


def test_a_lifecycle_depends_on_seed_and_ordinal_only():
    """The n-th task of a seed always has the same lifecycle; that of another seed differs."""
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(7, seed=1)
    assert drawn(7) != drawn(8)


def test_durations_lie_around_the_median():
    """About half of the tasks take longer than the median."""
    longer = sum(drawn(n).total_seconds > 120 for n in range(1, 2001))
    assert 900 < longer < 1100


def test_failures_have_a_documented_code():
    """A failing task ends at progress 0 with one of the documented codes, in about the share asked for."""
    lives = [drawn(n, failure_share=0.25) for n in range(1, 1001)]
    failed = [life for life in lives if life.failure is not None]
    assert 200 < len(failed) < 300
    assert {life.failure for life in failed} <= set(TASK_CODES)
    assert all(view(life, life.ends_at).status == "failed" for life in failed)
