"""A JSONL file that names files of this machine: from lines to verified videos, and nothing twice."""

from __future__ import annotations

import shutil

import av
import pytest

from evolink_async.cli.demo_material.media import make_media
from tests.cli.conftest import dance, environment, finish, spawn, write_jobs

NAMES = ("dancer.mp4", "walker.mov", "cat.png", "meadow.jpg", "voice.mp3", "voice.wav")


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Clips, pictures and voices."""
    folder = tmp_path_factory.mktemp("footage")
    for name in NAMES:
        make_media(name, folder)
    return folder


@pytest.fixture
def source(footage, tmp_path):
    """Jobs over all four models, whose files lie beside them; one by its URI."""
    shutil.copytree(footage, tmp_path / "clips")
    return write_jobs(
        tmp_path,
        dance(1, video_urls=["file:clips/dancer.mp4"]),
        dance(2, video_urls=["file:clips/walker.mov", (tmp_path / "clips" / "dancer.mp4").as_uri()]),
        dance(3, model="wan2.6-reference-video", video_urls=["file:clips/dancer.mp4"], generate_audio=None),
        dance(
            4,
            model="wan2.6-image-to-video-flash",
            image_urls=["file:clips/meadow.jpg"],
            audio_url="file:clips/voice.mp3",
            video_urls=None,
        ),
        dance(
            5,
            model="wan2.7-reference-video",
            generate_audio=None,
            image_urls=["file:clips/cat.png"],
            video_urls=None,
            model_params={"voice_bindings": {"image1": "file:clips/voice.wav"}},
        ),
    )


def kinds(emulator):
    """How many requests of each kind came in that cost money or bandwidth."""
    received = [request.kind for request in emulator.received]
    return {kind: received.count(kind) for kind in ("upload", "submit", "result")}


def test_twice(cli, service, source, tmp_path):
    """Each file is uploaded once, each job bought once; the second run uploads, submits and downloads nothing."""
    words = ("run", source, "--out", tmp_path / "out", "--look-every", "0.05")
    ran = cli(*words)
    assert ran.code == 0
    assert kinds(service) == {"upload": 6, "submit": 5, "result": 5}
    videos = sorted((tmp_path / "out").glob("*.mp4"))
    assert [video.name for video in videos] == [f"shot-{number}.mp4" for number in range(1, 6)]
    for video in videos:
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0
    again = cli(*words)
    assert again.code == 0
    assert [line["files"] for line in again.lines] == [[str(video)] for video in videos]
    assert kinds(service) == {"upload": 6, "submit": 5, "result": 5}
    assert sorted((tmp_path / "out").glob("*.mp4")) == videos


def test_bad_files(cli, service, source, tmp_path):
    """Each bad file is one sentence with its name; the other jobs go on."""
    (tmp_path / "clips" / "empty.mp4").touch()
    lines = [*source.read_text().splitlines()[:1], dance(6, video_urls=["file:clips/lost.mp4"])]
    lines += [dance(7, video_urls=["file:clips/empty.mp4"]), dance(8, video_urls=["file:clips"])]
    ran = cli("run", write_jobs(tmp_path, *lines), "--out", tmp_path / "out", "--look-every", "0.05")
    assert ran.code == 1
    told = {line["custom_id"]: line for line in ran.lines}
    assert told["shot-1"]["files"]
    for key, name in (("shot-6", "lost.mp4"), ("shot-7", "empty.mp4"), ("shot-8", "clips")):
        assert name in told[key]["error"]["message"]
    assert kinds(service)["submit"] == 1


def test_standard_input(service, source):
    """Paths start from the current folder then."""
    words = ("run", "-", "--out", "out", "--look-every", "0.05")
    process = spawn(*words, cwd=source.parent, env=environment(service), stdin=-1)
    ran = finish(process, source.read_text().splitlines()[0] + "\n")
    assert ran.code == 0
    assert kinds(service)["upload"] == 1


def test_a_bought_job_needs_its_file_no_more(cli, service, source, tmp_path):
    """`check` calls its line good and `run` tells its video; a job that would be bought is bad without its file."""
    path = write_jobs(tmp_path, *source.read_text().splitlines()[:1])
    words = ("run", path, "--out", tmp_path / "out", "--look-every", "0.05")
    assert cli(*words).code == 0
    (tmp_path / "clips" / "dancer.mp4").unlink()
    again = cli(*words)
    assert (again.code, again.lines[0]["status"]) == (0, "completed")
    new = dance(9, video_urls=["file:clips/dancer.mp4"])
    other = dance(1, prompt="Else", video_urls=["file:clips/dancer.mp4"])
    journal = ("--journal", tmp_path / "out" / f"{path.stem}.journal.db")
    ran = cli("check", write_jobs(tmp_path, *path.read_text().splitlines(), new), *journal)
    assert [(line["ok"], line["recorded"]) for line in ran.lines[:2]] == [(True, "ended"), (False, None)]
    ran = cli("check", write_jobs(tmp_path, other), *journal)
    assert (ran.code, ran.lines[0]["ok"]) == (1, False)
    assert kinds(service)["submit"] == 1


def test_one_video_under_a_key_needs_its_file_no_more(cli, service, source, tmp_path, monkeypatch):
    """`generate` with the same key and journal pays nothing; another key is refused."""
    monkeypatch.chdir(source.parent)
    job = ("wan2.6-reference-video-flash", "--prompt", "A cat", "--video-urls", "clips/dancer.mp4")
    words = ("generate", *job, "--journal", tmp_path / "one.db", "--look-every", "0.05", "--key")
    assert cli(*words, "a").code == 0
    (tmp_path / "clips" / "dancer.mp4").unlink()
    again = cli(*words, "a")
    assert (again.code, again.lines[0]["resumed"]) == (0, True)
    assert "(not bought again: 1 ended before)" in again.err
    assert "dancer.mp4 does not exist" in cli(*words, "b").err
    assert kinds(service)["submit"] == 1
