"""`evolink-async generate`: options made of the parameters of every model, and one job that is run as others are."""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
import signal
from pathlib import Path
from typing import cast

import attrs
import pytest
from rich.console import Console

from evolink_async import Params
from evolink_async.cli.app import app
from evolink_async.cli.inputs.model_commands import generate_app
from evolink_async.cli.inputs.model_options import body_of, example_of, option_of
from evolink_async.emulator import faults
from evolink_async.params import Length, fields_of, load_params, registered_models, rule, unregister
from tests.cli.conftest import QUICK, environment, finish, spawn, submits, videos
from tests.cli.test_terminal import in_terminal
from tests.footage import clip
from tests.kit import until

MODEL = "wan2.6-text-to-video"
MODELS = sorted(registered_models())
CLIPS = "wan2.6-reference-video"
SHORT = ("--prompt", "A cat", "--duration", "2")


def help_of(model: str) -> str:
    told = io.StringIO()
    app.help_print(["generate", model], console=Console(file=told, width=400, color_system=None))
    return told.getvalue()


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_is_an_option(model):
    """Each has its help text, its range or choices, and its default; those that are required say so."""
    texts = dict(re.findall(r"--([\w-]+)(?: [A-Z.]+| --[\w-]+)* +(\S.*?) *│", help_of(model)))
    for field in fields_of(registered_models()[model]):
        text = texts[field.name.replace("_", "-")]
        assert re.match(r"\w.+\.( \[|$)", text), text
        assert "See the model's page" not in text
        assert ("[required]" in text) == field.required
        schema = field.rule.schema()
        for choice in cast("list[object]", schema.get("enum", [])):
            assert str(choice) in text
        if schema["type"] == "integer" and "enum" not in schema:
            assert field.text in text
        if field.default is not None:
            assert f"[default: {field.default}]" in text


@pytest.mark.parametrize("model", MODELS)
def test_the_example_of_each_model_is_a_job(model):
    """What its help shows as an example is read without an error, up to the files that it names."""
    example = example_of(registered_models()[model])
    told = help_of(model).partition("Example:")[2].partition("Exit codes")[0].replace("\\\n", "")
    assert shlex.split(example) == shlex.split(told)
    _, bound, _ = app.parse_args(shlex.split(example)[1:], exit_on_error=False)
    given = {name: value for name, value in bound.arguments.items() if name != "options"}
    assert load_params(body_of(registered_models()[model], given), files_from=Path()).model == model


def test_a_video(cli, service, tmp_path):
    """The price is told first, one JSON object comes in a pipe, and the film has the name of the key."""
    ran = cli("generate", MODEL, *SHORT, "--key", "cat", "--out", tmp_path / "films", *QUICK)
    assert ran.code == 0
    (line,) = ran.lines
    assert (line["custom_id"], line["status"], line["model"]) == ("cat", "completed", MODEL)
    assert line["files"] == [str(tmp_path / "films" / "cat.mp4")]
    assert videos(tmp_path / "films") == ["cat.mp4"]
    assert re.search(r"^Cost: [\d.]+ credits for 1 job; by the price list of ", ran.err)


def test_without_a_folder_nothing_is_saved(cli, service, tmp_path, monkeypatch):
    """There is a link, and no file."""
    monkeypatch.chdir(tmp_path)
    (line,) = cli("generate", MODEL, *SHORT, *QUICK).lines
    assert (len(line["urls"]), line["files"]) == (1, [])
    assert list(tmp_path.iterdir()) == []


def test_a_journal(cli, service, tmp_path):
    """The same command again pays nothing; what it would cost is not told then."""
    words = ("generate", MODEL, *SHORT, "--journal", tmp_path / "films.db", "--out", tmp_path, *QUICK)
    first, second = cli(*words), cli(*words)
    assert (first.code, second.code, submits(service)) == (0, 0, 1)
    assert [one.lines[0]["resumed"] for one in (first, second)] == [False, True]
    assert "Cost: nothing, as no job would be bought (not bought again: 1 ended before)." in second.err


def test_a_failed_task_is_bought_anew_if_asked(cli, service, tmp_path):
    """With a journal, `--retry-failed` buys the job once more, and its outcome names the earlier task."""
    change = faults.extra({"status": "failed", "results": [], "error": {"code": "content", "message": "no cats"}})
    for kind in ("poll", "batch"):
        service.faults.on(kind, faults.ALWAYS, change)
    words = ("generate", MODEL, *SHORT, "--journal", tmp_path / "films.db", *QUICK)
    ran = cli(*words)
    assert (ran.code, ran.lines[0]["status"]) == (1, "failed")
    service.faults.clear()
    assert (cli(*words).code, submits(service)) == (1, 1)
    again = cli(*words, "--retry-failed")
    assert (again.code, submits(service)) == (0, 2)
    assert again.lines[0]["earlier_tasks"] == [ran.lines[0]["task_id"]]
    assert "Cost: " in again.err


def test_local_files(cli, service, tmp_path, monkeypatch):
    """A path, alone or after file:, is a file of the current folder: it is checked, uploaded, and sent as a link."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(clip(seconds=3))
    words = ("generate", "wan2.6-reference-video-flash", *SHORT, "--no-generate-audio")
    ran = cli(*words, "--video-urls", "a.mp4", "file:b.mp4", "--video-urls", "https://example.com/c.mp4", *QUICK)
    assert ran.code == 0, ran.err
    [sent] = [json.loads(one.body) for one in service.received if one.kind == "submit"]
    assert [url.startswith("http") for url in sent["video_urls"]] == [True] * 3
    assert sent["generate_audio"] is False
    ran = cli(*words, "--video-urls", "none.mp4", *QUICK)
    assert (ran.code, ran.out, submits(service)) == (2, "", 1)
    assert "none.mp4 does not exist @ video_urls[0]" in ran.err


def test_voices_by_name():
    """A mapping is given as NAME=URL, several times; what is inside another object goes there."""
    body = body_of(
        registered_models()["wan2.7-reference-video"],
        {"prompt": "x", "voice_bindings": ["image1=a.mp3", "video1=https://example.com/b.mp3"], "seed": None},
    )
    voices = {"image1": "file:a.mp3", "video1": "https://example.com/b.mp3"}
    assert body == {"model": "wan2.7-reference-video", "prompt": "x", "model_params": {"voice_bindings": voices}}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((MODEL,), "--prompt"),
        (("wan2.6-text-to-vidio", "--prompt", "x"), f'Did you mean "{MODEL}"?'),
        ((MODEL, "--prompt", "x", "--quality", "4k"), '"720p", "1080p"'),
        ((MODEL, "--prompt", "x", "--duration", "99"), "must be 2 to 15, not 99 @ duration"),
        ((MODEL, "--prompt", "x", "--duration", "two"), "--duration"),
        ((MODEL, "--prompt", "x", "--key", "a\nb"), "key"),
        (("wan2.7-reference-video", "--prompt", "x", "--voice-bindings", "a.mp3"), "takes NAME=FILE"),
        ((CLIPS, "--prompt", "x", "--video-urls", ""), "URL or a local file, not '' @ video_urls[0]"),
        ((CLIPS, "--prompt", "x", "--video-urls", "ftp://a/b"), "URL or a local file, not 'ftp://a/b' @ video_urls[0]"),
    ],
    ids=["required", "model", "choice", "range", "number", "key", "voice", "empty", "other scheme"],
)
def test_wrong_use(cli, service, words, expected):
    """One error, exit code 2, nothing sent."""
    ran = cli("generate", *words)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert expected in ran.err
    assert service.received == []


def test_no_key(cli):
    """Without a key one sentence says so."""
    ran = cli("generate", MODEL, *SHORT)
    assert (ran.code, ran.out) == (2, "")
    assert "no API key" in ran.err


def test_in_a_terminal(service, tmp_path):
    """A terminal shows progress, a table, and the link if the film is not saved."""
    text, code = in_terminal("generate", MODEL, *SHORT, "--key", "cat", *QUICK, env=environment(service))
    assert code == 0
    assert re.search(rf"cat +{MODEL} +completed", text)
    assert "/results/" in text
    assert '{"custom_id"' not in text


def test_a_twentieth_model():
    """A model class made before the command is put together has its options without an edit."""

    @attrs.frozen(kw_only=True)
    class Wan99Dream(Params):
        """A dream.

        Attributes:
            prompt: What to dream.
        """

        model = "wan9.9-dream"
        prompt: str = attrs.field(metadata=rule(Length(10)))

    try:
        assert "wan9.9-dream" in generate_app()
        option = option_of(Wan99Dream, fields_of(Wan99Dream)[0])
        assert (option.name, option.default) == ("prompt", inspect.Parameter.empty)
    finally:
        unregister("wan9.9-dream")


@pytest.mark.anyio
async def test_a_signal_names_the_task(frozen, tmp_path):
    """What was paid for is named, as in a run, and its id leads to the film."""
    words = ("generate", MODEL, *SHORT, "--out", tmp_path, *QUICK)
    process = spawn(*words, env=environment(frozen))
    await until(lambda: any(one.kind in ("poll", "batch") for one in frozen.received))
    process.send_signal(signal.SIGTERM)
    ran = finish(process)
    (task_id,) = frozen.tasks
    assert (ran.code, ran.out) == (130, "")
    assert task_id in ran.err
    frozen.clock.advance(3600)
    film = finish(spawn("download", task_id, "--out", tmp_path / "film.mp4", *QUICK, env=environment(frozen)))
    assert (film.code, videos(tmp_path)) == (0, ["film.mp4"])


def test_a_whole_number_below_zero(cli, service):
    """-1, which some models take, is a value and no option."""
    ran = cli("generate", "wan3.0-text-to-video", "--prompt", "x", "--duration", "-1", *QUICK)
    assert ran.code == 0, ran.err
    [sent] = [json.loads(one.body) for one in service.received if one.kind == "submit"]
    assert sent["duration"] == -1
