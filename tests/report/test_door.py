"""Which requests the live page answers."""

from __future__ import annotations

import attrs
import pytest

from evolink_async.report.door import Door, Question

DOOR = Door("secret", "127.0.0.1:8000")
LOOK = Question(method="GET", token="secret", host="127.0.0.1:8000")
CHANGE = attrs.evolve(LOOK, method="POST", origin="http://127.0.0.1:8000", content_type="application/json")


@pytest.mark.parametrize(
    "question",
    [
        LOOK,
        attrs.evolve(LOOK, method="HEAD"),
        attrs.evolve(LOOK, host="localhost:8000"),
        attrs.evolve(LOOK, fetch_site="cross-site"),  # a link that a person follows
        CHANGE,
        attrs.evolve(CHANGE, fetch_site="same-origin"),
        attrs.evolve(CHANGE, host="localhost:8000", origin="http://localhost:8000"),
    ],
)
def test_answered(question):
    """A look with the token, and a change that the page itself asks for."""
    assert DOOR.refusal(question) is None


@pytest.mark.parametrize("question", [LOOK, CHANGE])
@pytest.mark.parametrize(
    "change",
    [
        {"token": ""},
        {"token": "secre"},
        {"token": "secret "},
        {"token": "s\u00e9cret\ud800"},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1:8001"},
        {"host": "127.0.0.1"},
        {"host": ""},
    ],
)
def test_refused(question, change):
    """Nothing is answered without the whole token, nor under the name of another host."""
    assert DOOR.refusal(attrs.evolve(question, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "http://localhost:8000"},
        {"fetch_site": "cross-site"},
        {"fetch_site": "same-site"},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_changes_that_another_page_may_ask_for(change):
    """A change needs the page's own origin and a type that no form sends."""
    assert DOOR.refusal(attrs.evolve(CHANGE, **change))
