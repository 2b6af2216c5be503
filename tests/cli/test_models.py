"""`evolink-async models`: the registry, as a table and as JSON."""

from __future__ import annotations

import attrs
import pytest

from evolink_async import Params
from evolink_async.cli.commands.models import model_object
from evolink_async.params import Length, registered_models, rule, unregister


def test_all(cli):
    """In a pipe there is one JSON object for each registered model."""
    ran = cli("models")
    assert ran.code == 0
    assert {line["model"] for line in ran.lines} == set(registered_models())
    (line,) = [line for line in ran.lines if line["model"] == "wan2.6-reference-video"]
    assert line["class"] == "Wan26ReferenceVideo"
    assert line["endpoint"] == "/v1/videos/generations"
    assert line["required"] == ["prompt", "video_urls"]
    assert line["page"].endswith("wan2.6/wan2.6-reference-video")


@pytest.mark.parametrize("model", sorted(registered_models()))
def test_one(cli, model):
    """Each model shows every field with its rule."""
    (line,) = cli("models", model).lines
    assert {"field", "required", "default", "rule", "schema"} == set(line["fields"][0])
    assert {field["field"] for field in line["fields"]} >= set(line["required"])


def test_unknown(cli):
    """An unknown name is one sentence with the nearest one."""
    ran = cli("models", "wan2.7-reference-vidio")
    assert ran.code == 2
    assert "did you mean 'wan2.7-reference-video'?" in ran.err


def test_a_twentieth(cli):
    """A model class made at run time shows up without an edit."""

    @attrs.frozen(kw_only=True)
    class Wan99Dream(Params):
        model = "wan9.9-dream"
        prompt: str = attrs.field(metadata=rule(Length(10)))

    try:
        assert model_object(Wan99Dream) in cli("models").lines
        (line,) = cli("models", "wan9.9-dream").lines
        assert line["fields"][0]["rule"] == "up to 10 characters"
    finally:
        unregister("wan9.9-dream")
