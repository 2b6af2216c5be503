"""When to warn that links will expire before their files are saved."""

from __future__ import annotations

import pytest

from evolink_async.downloads.backlog import Backlog, BacklogWarning

NOON = 1_800_000_000.0


def line_of(count: int, *, seconds: float | None = 10.0, expires_at: float = NOON + 1000) -> Backlog:
    """So many files in line, after one that took so long."""
    backlog = Backlog()
    if seconds is not None:
        backlog.record(seconds)
    for _ in range(count):
        backlog.enter(expires_at)
    return backlog


@pytest.mark.parametrize(
    ("count", "at_once", "late"),
    [(100, 1, False), (101, 1, True), (400, 4, False), (404, 4, True), (0, 1, False)],
)
def test_a_line_longer_than_the_links_live_is_late(count, at_once, late):
    """Files in line, times the seconds of each, by how many go at once, against the time left."""
    told = line_of(count).take_warning(NOON, at_once)
    assert told == (BacklogWarning(count, count * 10 / at_once, 1000) if late else None)


def test_it_is_told_once():
    """However long it goes on."""
    backlog = line_of(500)
    assert backlog.take_warning(NOON, 1) is not None
    backlog.enter(NOON + 1000)
    assert backlog.take_warning(NOON, 1) is None


def test_before_the_first_file_nothing_is_known():
    """Nobody is alarmed by a guess."""
    assert line_of(10_000, seconds=None).take_warning(NOON, 1) is None


def test_links_that_have_expired_are_no_news():
    """As those of a run that is resumed after days: the task is read again for them."""
    assert line_of(500, expires_at=NOON - 1).take_warning(NOON, 1) is None


def test_the_link_that_expires_last_counts():
    """The others go first."""
    backlog = line_of(100, expires_at=NOON + 2000)
    backlog.enter(NOON + 5)
    assert backlog.take_warning(NOON, 1) is None


def test_whoever_has_left_the_line_is_not_waited_for():
    """Its turn has come, or its run was closed."""
    backlog = line_of(101)
    backlog.leave()
    assert backlog.take_warning(NOON, 1) is None
