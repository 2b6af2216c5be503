"""`evolink-async demo`: real videos that are what the parameters asked for."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import av
import pytest
from PIL import Image

from evolink_async.cli.commands.demo import example_lines, named_files
from evolink_async.cli.demo_material.media import MEDIA, Still, make_media
from evolink_async.cli.inputs.job_lines import parse_jobs
from evolink_async.json_text import dump

BODIES = [json.loads(line) for line in example_lines()]
PIXELS = {
    # Source: "Output resolution per quality tier" of the wan2.7-reference-video page (read 2026-11-20).
    "720p": {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960), "4:3": (1104, 832), "3:4": (832, 1104)},
    "1080p": {
        "16:9": (1920, 1080),
        "9:16": (1080, 1920),
        "1:1": (1440, 1440),
        "4:3": (1648, 1248),
        "3:4": (1248, 1648),
    },
}


def asked(body):
    """Pixels, seconds and sound that a request asks for."""
    pixels = PIXELS[body.get("quality", "720p")][body.get("aspect_ratio", "16:9")]
    return pixels, body.get("duration", 5), body.get("generate_audio", True)


def made(path):
    """Pixels, seconds and sound of a file, every frame of which can be decoded."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        seconds = sum(1 for _ in container.decode(video)) / (video.average_rate or 1)
        return (video.width, video.height), seconds, bool(container.streams.audio)


def test_videos(cli, tmp_path):
    """Jobs over all four models give videos of the pixels, seconds and sound asked for, twice into one folder."""
    for run in (1, 2):
        ran = cli("demo", "--out", tmp_path / "out", "--speed", "400", "--jobs", "8")
        assert ran.code == 0
        assert str(tmp_path / "out") in ran.out
        assert "EVOLINK_API_KEY" in ran.out
        assert len(list((tmp_path / "out").glob("*.mp4"))) == 8 * run
    for body in BODIES[:8]:
        for suffix in ("", "-2"):
            assert made(tmp_path / "out" / f"{body['custom_id']}{suffix}.mp4") == asked(body)
        assert body["custom_id"] in ran.out


def test_where_to_look(cli, tmp_path):
    """The last lines name a page that is there, and a command that runs the same jobs from a file that is there."""
    ran = cli("demo", "--out", tmp_path / "my films", "--speed", "400", "--jobs", "2")
    [address] = [word for word in ran.out.split() if word.startswith("file:")]
    page = Path.from_uri(address) if hasattr(Path, "from_uri") else Path(unquote(address.removeprefix("file://")))
    assert page == tmp_path / "my films" / "index.html"
    assert page.read_bytes().startswith(b"<!doctype html>")
    [command] = [line for line in ran.out.splitlines() if line.startswith("  evolink-async run ")]
    again = cli(*shlex.split(command)[1:], "--speed", "400")
    assert again.code == 0
    assert "Watch it in a browser: http://127.0.0.1:" in again.err
    assert len(list((tmp_path / "my films" / "again").glob("*.mp4"))) == 2
    assert (tmp_path / "my films" / "again" / "index.html").is_file()


def test_table(cli, tmp_path):
    """The closing table holds what the files really are."""
    ran = cli("demo", "--out", tmp_path, "--speed", "400", "--jobs", "6")
    (row,) = [line.split() for line in ran.out.splitlines() if line.startswith("flash-02")]
    kilobytes = round((tmp_path / "flash-02.mp4").stat().st_size / 1000)
    assert row[:7] == ["flash-02", "wan2.6-reference-video-flash", "1280x720", "2", "no", "9", f"{kilobytes}"]


@pytest.mark.parametrize("count", ["0", "41", "-3"])
def test_wrong_count(cli, tmp_path, count):
    """A number of jobs that is not there is one sentence."""
    ran = cli("demo", "--out", tmp_path, "--jobs", count)
    assert ran.code == 2
    assert f"must be 1 to 40, not {count}" in ran.err


def test_folder_that_cannot_be(cli, tmp_path):
    """A folder that cannot be made is one sentence."""
    (tmp_path / "file").write_text("")
    ran = cli("demo", "--out", tmp_path / "file" / "out", "--jobs", "1", "--speed", "400")
    assert ran.code == 2
    assert "cannot write to the folder" in ran.err


def test_examples(tmp_path):
    """Forty good requests over the four models, ten each, that vary in everything that matters."""
    file = parse_jobs(example_lines(), tmp_path)
    assert not file.bad
    assert Counter(job.params.model for job in file.jobs) == {
        "wan2.6-reference-video": 10,
        "wan2.6-reference-video-flash": 10,
        "wan2.6-image-to-video-flash": 10,
        "wan2.7-reference-video": 10,
    }
    assert len({body["custom_id"] for body in BODIES}) == 40
    for model in {body["model"] for body in BODIES}:
        assert len({asked(body) for body in BODIES if body["model"] == model}) >= 5
    told = dump(BODIES).decode()
    assert [
        word for word in ("shot_type", "voice_bindings", "generate_audio", "1080p", "9:16") if word not in told
    ] == []


def test_media(tmp_path):
    """Every file an example names can be made, and obeys the models' pages."""
    assert set(named_files(BODIES)) == set(MEDIA)
    for name, recipe in MEDIA.items():
        path = make_media(name, tmp_path)
        if isinstance(recipe, Still):
            with Image.open(path) as picture:
                assert picture.mode == "RGB"
                assert 360 <= min(picture.size) <= max(picture.size) <= 2000
            continue
        with av.open(str(path)) as container:
            assert container.duration is not None
            seconds = container.duration / av.time_base
            assert container.streams.audio
            if path.suffix in (".mp4", ".mov"):
                assert 2 <= seconds <= 30
                assert 240 <= container.streams.video[0].height <= container.streams.video[0].width <= 4096
            else:
                assert 3 <= round(seconds) <= 10
