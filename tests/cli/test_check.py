"""`evolink-async check`: a batch and its files are judged by line, and nothing is sent."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from evolink_async.cli.commands.check import check
from evolink_async.cli.output.terminal import Terminal
from tests.cli.conftest import ROOT, dance, finish, spawn, write_jobs
from tests.footage import clip, image, sound
from tests.servers import reply, serving


@pytest.fixture
def served() -> Iterator[str]:
    """A host of clips in a thread: `/good` plays 3 s, anything else 31 s."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    roots: list[str] = []
    over = asyncio.Event()

    async def answer(reader, writer) -> None:
        writer.write(reply(clip(31)))

    async def serve() -> None:
        async with serving(answer) as server:
            roots.append(server.url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    yield roots[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that opens a connection fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(asyncio.BaseEventLoop, "sock_connect", refuse)


@pytest.mark.usefixtures("offline")
def test_good_lines(cli, tmp_path):
    """Files beside the jobs file are found and measured; the seconds that are billed are told. No key is needed."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(clip(4))
    path = write_jobs(tmp_path, dance(1, video_urls=["file:clips/a.mp4"]), dance(2))
    ran = cli("check", path)
    assert ran.code == 0
    assert ran.lines == [
        {
            "line": 1,
            "custom_id": "shot-1",
            "model": "wan2.6-reference-video-flash",
            "ok": True,
            "faults": [],
            "billed_input_seconds": 4.0,
        },
        ran.lines[0] | {"line": 2, "custom_id": "shot-2", "billed_input_seconds": None},
    ]
    assert "good lines: 2; 4 s of input are billed for 1; nothing was sent." in ran.err


@pytest.mark.usefixtures("offline")
def test_bad_lines(cli, tmp_path):
    """Every line has all that is wrong with it, rules and files, in the order of the file."""
    (tmp_path / "long.mp4").write_bytes(clip(31))
    (tmp_path / "cat.png").write_bytes(image("png", mode="RGBA"))
    (tmp_path / "voice.mp3").write_bytes(sound(2))
    frame = dance(
        2,
        model="wan2.6-image-to-video",
        image_urls=["file:cat.png"],
        audio_url="file:voice.mp3",
        video_urls=None,
        generate_audio=None,
    )
    path = write_jobs(tmp_path, dance(1, video_urls=["file:long.mp4", "file:gone.mov"]), frame, "{", dance(4), dance(4))
    ran = cli("check", path)
    assert ran.code == 1
    assert [(line["line"], line["ok"]) for line in ran.lines] == [
        (1, False),
        (2, False),
        (3, False),
        (4, True),
        (5, False),
    ]
    assert ran.lines[0]["faults"] == [
        f"{tmp_path}/long.mp4 must be 2 to 30 s long, not 31 @ video_urls[0]",
        f"{tmp_path}/gone.mov does not exist @ video_urls[1]",
    ]
    transparent, short = ran.lines[1]["faults"]
    assert transparent == f"{tmp_path}/cat.png must have no alpha channel @ image_urls[0]"
    assert short == f"{tmp_path}/voice.mp3 must be 3 to 30 s long, not 2 @ audio_url"
    assert ran.lines[2]["custom_id"] is None
    assert ran.lines[4]["faults"] == ["'shot-4' is taken by line 4 @ custom_id"]
    assert "bad lines: 4 of 5; nothing was sent." in ran.err


def test_standard_input(tmp_path):
    """Files are looked for from the current folder."""
    (tmp_path / "a.mp4").write_bytes(clip(3))
    line = json.dumps(dance(1, video_urls=["file:a.mp4"]))
    ran = finish(spawn("check", "-", cwd=tmp_path, stdin=-1), line)
    assert (ran.code, [each["ok"] for each in ran.lines]) == (0, [True])


WITHOUT_LIBRARIES = """
import sys
for library in sys.argv.pop(1).split():
    sys.modules[library] = None  # as if it were not installed
from evolink_async.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("blocked", "named"), [("av PIL pypdf", "PyAV, Pillow, pypdf"), ("PIL", "Pillow")])
def test_without_the_extra_media(blocked, named, tmp_path):
    """What is not checked is said once; nothing healthy is refused, and formats are judged all the same."""
    for name, content in (("long.mp4", clip(31)), ("a.mp4", clip(4)), ("b.mp4", image("png"))):
        (tmp_path / name).write_bytes(content)
    names = ("a.mp4", "b.mp4") if blocked == "PIL" else ("long.mp4", "b.mp4")
    path = write_jobs(tmp_path, *(dance(each, video_urls=[f"file:{name}"]) for each, name in enumerate(names)))
    command = [sys.executable, "-W", "error", "-c", WITHOUT_LIBRARIES, blocked, "check", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=40, cwd=ROOT)
    assert ran.returncode == 1
    faults = [json.loads(line)["faults"] for line in ran.stdout.splitlines()]
    assert faults == [[], [f"{tmp_path}/b.mp4 must be mp4 or mov, not png @ video_urls[0]"]]
    assert ran.stderr.count("evolink-async[media]") == 1
    assert f"files are not checked in full without {named};" in ran.stderr


def test_the_extra_is_named_to_nobody_without_files(tmp_path):
    """A batch of texts and links needs no libraries."""
    command = [sys.executable, "-c", WITHOUT_LIBRARIES, "av PIL pypdf", "check", str(write_jobs(tmp_path, dance(1)))]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=40, cwd=ROOT)
    assert (ran.returncode, "media" in ran.stderr) == (0, False)


def test_remote(cli, served, tmp_path):
    """With --remote the links are read too; without it they are believed."""
    path = write_jobs(tmp_path, dance(1, video_urls=[f"{served}/a.mp4"]))
    assert cli("check", path).code == 0
    ran = cli("check", path, "--remote", "--allow-private-results")
    assert ran.code == 1
    assert ran.lines[0]["faults"] == ["must be 2 to 30 s long, not 31 @ video_urls[0]"]


def test_remote_keeps_to_public_hosts(cli, served, tmp_path):
    """A link to this house is not followed, and what cannot be told is no fault."""
    path = write_jobs(tmp_path, dance(1, video_urls=[f"{served}/a.mp4"]))
    assert cli("check", path, "--remote").code == 0


def test_a_person_sees_a_table(capsys, tmp_path):
    """Lines with something to say, each with its number, its key and what is wrong."""
    (tmp_path / "a.mp4").write_bytes(clip(4))
    path = write_jobs(tmp_path, dance(1, video_urls=["file:a.mp4"]), dance(2), dance(3, duration=99))
    seen = Terminal.here()
    terminal = Terminal(out=seen.out, err=seen.err, shows_tables=True, shows_progress=False)
    assert check(str(path), terminal, reads_links=False, allows_private=False) == 1
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["line", "key", "billed", "input", "what", "is", "wrong"]
    assert rows[1].split() == ["1", "shot-1", "4", "s"]
    assert rows[2].split()[0] == "3"
    assert "must be 2 to 10, not 99 @ duration" in rows[2]
    assert len(rows) == 3


def test_a_missing_file_of_jobs(cli, tmp_path):
    """Is a wrong use, in one sentence."""
    ran = cli("check", tmp_path / "none.jsonl")
    assert ran.code == 2
    assert "cannot read the jobs file" in ran.err


def test_an_empty_batch(cli, tmp_path):
    """Has no bad line."""
    ran = cli("check", write_jobs(tmp_path))
    assert (ran.code, ran.out) == (0, "")
