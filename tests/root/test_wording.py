"""How a message lists what is allowed."""

from __future__ import annotations

import pytest

from evolink_async.wording import either


@pytest.mark.parametrize(
    ("words", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (("a", "b", "c"), "a, b or c"), ([5, 10], "5 or 10")]
)
def test_choices_are_listed(words, text):
    """Commas between them, "or" before the last; whatever is no text is written as text."""
    assert either(words) == text
