"""Nothing that is told holds a prompt, a link or an API key, however badly the service behaves."""

from __future__ import annotations

import json
import logging

import pytest

from evolink_async.telemetry import LogObserver
from tests.telemetry.history import CANARIES, echoes, everything


def canaries_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def test_the_canaries_are_there_to_be_found():
    """The events hold them: in messages, codes, ids, states, suggestions and links."""
    assert len(list(echoes())) > 20
    assert canaries_in(repr(list(everything()))) == list(CANARIES)


def test_no_line_tells_a_secret(caplog):
    """At DEBUG, in the text and in every attribute of the record."""
    caplog.set_level(logging.DEBUG)
    observer = LogObserver()
    for event in everything():
        observer(event)
    assert len(caplog.records) > 200
    assert [record for record in caplog.records if canaries_in(f"{record.getMessage()} {vars(record)!r}")] == []


@pytest.mark.parametrize("secret", ["canary-signature", "canary-link"])
def test_no_line_tells_a_link_when_texts_are_wanted(caplog, secret):
    """The service's words may then hold what they like, but a link is cut to its host."""
    caplog.set_level(logging.DEBUG)
    observer = LogObserver(texts=True)
    for event in everything():
        observer(event)
    assert [record for record in caplog.records if secret in f"{record.getMessage()} {vars(record)!r}"] == []


def test_no_span_and_no_figure_tells_a_secret(traced):
    """In all that is exported, as JSON."""
    spans = traced.observe(*everything())
    assert len(spans) > 150
    assert [span for span in spans if canaries_in(span.to_json())] == []
    assert canaries_in(traced.reader.get_metrics_data().to_json()) == []
    assert json.loads(spans[0].to_json())["name"] == "evolink.submit"
