"""When to warn that links will expire before their files are saved."""

from __future__ import annotations

import pytest

from evolink_async.downloads.pace import Lateness, Pace

NOON = 1_800_000_000.0


def line_of(count: int, *, seconds: float | None = 10.0, expires_at: float = NOON + 1000) -> Pace:
    """So many files in line, after one that took so long."""
    pace = Pace()
    if seconds is not None:
        pace.took(seconds)
    for _ in range(count):
        pace.joined(expires_at)
    return pace


@pytest.mark.parametrize(
    ("count", "at_once", "late"),
    [(100, 1, False), (101, 1, True), (400, 4, False), (404, 4, True), (0, 1, False)],
)
def test_a_line_longer_than_the_links_live_is_late(count, at_once, late):
    """Files in line, times the seconds of each, by how many go at once, against the time left."""
    told = line_of(count).lateness(NOON, at_once)
    assert told == (Lateness(count, count * 10 / at_once, 1000) if late else None)


def test_it_is_told_once():
    """However long it goes on."""
    pace = line_of(500)
    assert pace.lateness(NOON, 1) is not None
    pace.joined(NOON + 1000)
    assert pace.lateness(NOON, 1) is None


def test_before_the_first_file_nothing_is_known():
    """No warning without a measured duration."""
    assert line_of(10_000, seconds=None).lateness(NOON, 1) is None


def test_links_that_have_expired_are_no_news():
    """As those of a run that is resumed after days: the task is read again for them."""
    assert line_of(500, expires_at=NOON - 1).lateness(NOON, 1) is None


def test_the_link_that_expires_last_counts():
    """The others go first."""
    pace = line_of(100, expires_at=NOON + 2000)
    pace.joined(NOON + 5)
    assert pace.lateness(NOON, 1) is None


def test_a_cancelled_download_is_not_counted():
    """It has started, or its run was closed."""
    pace = line_of(101)
    pace.left()
    assert pace.lateness(NOON, 1) is None
