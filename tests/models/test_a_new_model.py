"""A new model is one class: the emulator, the command line and the docs find it without another change."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evolink_async as ev
from evolink_async.cli import main
from evolink_async.params import Between, Length, OneOf, Params, json_schema, registered_models, rule, unregister
from evolink_async.params.fields import fields_of
from tests.kit import open_pool

MODEL = "wan9.9-text-to-video"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module", autouse=True)
def new_model():
    """The class of the model; it is unregistered afterwards."""

    @attrs.frozen(kw_only=True)
    class Wan99TextToVideo(Params):
        """A model that the library does not have."""

        model: ClassVar[str] = MODEL
        source: ClassVar[str] = "https://example.com/wan9.9"

        prompt: str = attrs.field(metadata=rule(Length(100)))
        duration: int = attrs.field(default=4, metadata=rule(Between(1, 60)))
        quality: Literal["4k", "8k"] = attrs.field(default="4k", metadata=rule(OneOf("4k", "8k")))

    yield Wan99TextToVideo
    unregister(MODEL)


def test_it_is_registered_and_described(new_model):
    """The registry, the table of fields and the schema know it."""
    assert registered_models()[MODEL] is new_model
    assert [field.name for field in fields_of(new_model)] == ["prompt", "duration", "quality", "callback_url"]
    schema: Any = json_schema(new_model)
    assert schema["properties"]["duration"]["maximum"] == 60


@pytest.mark.anyio
async def test_the_emulator_makes_it_and_refuses_what_breaks_its_rules(emulator, new_model):
    """A task runs to its end; and the service refuses a body that was sent without our checks."""
    async with open_pool(emulator) as pool:
        assert (await pool.generate(new_model(prompt="a cat"))).url
        with pytest.raises(ev.InvalidRequestError) as caught:
            await pool.generate(ev.RawParams(MODEL, {"prompt": "a cat", "duration": 61}))
        assert caught.value.param == "duration"


def test_the_command_line_lists_it(capsys):
    """`models` shows it among the others, and its fields on request."""
    assert main(["models"]) == 0
    assert MODEL in capsys.readouterr().out
    assert main(["models", MODEL]) == 0
    assert "duration" in capsys.readouterr().out


def test_a_line_of_jsonl_may_ask_for_it(tmp_path, capsys):
    """Its rules hold there too, and every fault is named."""
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text(json.dumps({"model": MODEL, "prompt": "x" * 101, "duration": 0}))
    assert main(["run", str(jobs), "--out", str(tmp_path / "out"), "--emulator"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "prompt" in said
    assert "duration" in said


def test_the_docs_have_a_table_of_it(monkeypatch):
    """The page of models is made from the registry."""
    monkeypatch.syspath_prepend(DOCS / "_support")
    spec = importlib.util.spec_from_file_location("generated", DOCS / "_support" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    generated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generated)
    assert MODEL in generated.models()


@settings(max_examples=50)
@given(prompt=st.text(max_size=100), duration=st.integers(1, 60), quality=st.sampled_from(["4k", "8k"]))
def test_the_laws_hold_for_it(prompt, duration, quality):
    """Accepted values stay the same through dump and load."""
    cls: Any = registered_models()[MODEL]
    try:
        params = cls(prompt=prompt, duration=duration, quality=quality)
    except ev.ParamsError:
        assert any(0xD800 <= ord(sign) <= 0xDFFF for sign in prompt)  # no text that UTF-8 can carry
        return
    assert ev.load_params(ev.dump_params(params)) == params
