"""The figures that pages show are those that were stored."""

from __future__ import annotations

from benchmarks.readme import README, shown


def test_the_readme_shows_the_batch_that_was_measured_last():
    """`python -m benchmarks --only batch` writes it."""
    assert README.read_text(encoding="utf-8") == shown()
