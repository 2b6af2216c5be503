"""`evolink-async check`: a batch and its files are judged by line, and nothing is sent."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import ClassVar

import attrs
import pytest

from evolink_async.budget.price_list import READ_ON
from evolink_async.cli.commands.check import check
from evolink_async.cli.output.terminal import Terminal
from evolink_async.emulator import faults
from evolink_async.params import Length, Params, fields_of, registered_models, rule, unregister
from evolink_async.version import how_to_install
from tests.cli.conftest import QUICK, ROOT, dance, finish, spawn, submits, write_jobs
from tests.footage import clip, image, sound
from tests.servers import reply, serving


def listed(low: object, high: object) -> dict[str, object]:
    """A price of the list, as JSON."""
    return {"low": low, "high": high, "source": "list", "as_of": READ_ON, "unknown": None}


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
    *lines, total = ran.lines
    assert lines == [
        {
            "line": 1,
            "custom_id": "shot-1",
            "model": "wan2.6-reference-video-flash",
            "ok": True,
            "faults": [],
            "billed_input_seconds": 4.0,
            "recorded": None,
            "credits": listed(9.0, 9.0),
        },
        lines[0] | {"line": 2, "custom_id": "shot-2", "billed_input_seconds": None},
    ]
    assert total["estimate"]["credits"] == {"low": 18.0, "high": 18.0}
    assert "good lines: 2; 4 s of input are billed for 1; nothing was bought." in ran.err
    assert "Cost: 18 credits for 2 jobs; by the price list of 2026-10-10." in ran.err


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
    assert [(line["line"], line["ok"]) for line in ran.lines[:-1]] == [
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
    assert "bad lines: 4 of 5; nothing was bought." in ran.err


def test_standard_input(tmp_path):
    """Files are looked for from the current folder."""
    (tmp_path / "a.mp4").write_bytes(clip(3))
    line = json.dumps(dance(1, video_urls=["file:a.mp4"]))
    ran = finish(spawn("check", "-", cwd=tmp_path, stdin=-1), line)
    assert (ran.code, [each["ok"] for each in ran.lines[:-1]]) == (0, [True])


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
    faults = [json.loads(line)["faults"] for line in ran.stdout.splitlines()[:2]]
    assert faults == [[], [f"{tmp_path}/b.mp4 must be mp4 or mov, not png @ video_urls[0]"]]
    assert ran.stderr.count(how_to_install("media")) == 1
    assert f"files are not checked in full without {named}; {how_to_install('media')}" in ran.stderr


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
    assert rows[3].split() == ["what", "jobs", "each", "credits", "source"]
    words = " ".join(" ".join(rows[4:]).split())
    assert "wan2.6-reference-video-flash" in words
    assert "the price list of" in words


def test_a_missing_file_of_jobs(cli, tmp_path):
    """Is a wrong use, in one sentence."""
    ran = cli("check", tmp_path / "none.jsonl")
    assert ran.code == 2
    assert "cannot read the jobs file" in ran.err


def test_an_empty_batch(cli, tmp_path):
    """Has no bad line."""
    ran = cli("check", write_jobs(tmp_path))
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.usefixtures("offline")
def test_a_bad_line_keeps_its_key_and_names_its_files(cli, tmp_path):
    """Faults of fields, key and files stand together, so that one correction is enough."""
    (tmp_path / "long.mp4").write_bytes(clip(31))
    clips = ["file:long.mp4", "file:gone.mov", "a.mp4"]
    path = write_jobs(
        tmp_path,
        dance(1, duration=99, video_urls=clips),
        dance(2, prompt=None, video_urls=["file:gone.mov"]),
        dance(2, video_urls=["file:gone.mov"]),
        dance(4, video_urls=["file:gone.mov"], quality=5, colour="red"),
        dance(5, model="wan9"),
    )
    ran = cli("check", path)
    model = "wan2.6-reference-video-flash"
    assert [(line["custom_id"], line["model"]) for line in ran.lines] == [
        ("shot-1", model),
        ("shot-2", model),
        ("shot-2", model),
        ("shot-4", model),
        ("shot-5", "wan9"),
    ]
    gone = f"{tmp_path}/gone.mov does not exist"
    assert ran.lines[0]["faults"][-2:] == [
        f"{tmp_path}/long.mp4 must be 2 to 30 s long, not 31 @ video_urls[0]",
        f"{gone} @ video_urls[1]",
    ]
    assert len(ran.lines[0]["faults"]) == 4
    assert ran.lines[1]["faults"] == ["is required @ prompt", f"{gone} @ video_urls[0]"]
    assert ran.lines[2]["faults"] == ["'shot-2' is taken by line 2 @ custom_id", f"{gone} @ video_urls[0]"]
    assert len(ran.lines[3]["faults"]) == 3
    assert ran.lines[3]["faults"][-1] == f"{gone} @ video_urls[0]"


def test_equal_faults_share_a_row(capsys, tmp_path):
    """A person sees one row with the number of lines; a program one object for each."""
    path = write_jobs(tmp_path, *(dance(number, duration=99) for number in range(1, 301)))
    seen = Terminal.here()
    terminal = Terminal(out=seen.out, err=seen.err, shows_tables=True, shows_progress=False)
    assert check(str(path), terminal, reads_links=False, allows_private=False) == 1
    text = capsys.readouterr().out
    assert text.count("@ duration") == 1
    assert "(300 lines)" in text


@pytest.mark.usefixtures("offline")
def test_warnings_of_pillow_are_not_shown(cli, tmp_path):
    """They are for developers: the picture has only a note that is cut off."""
    (tmp_path / "cat.jpg").write_bytes(image("jpeg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"))
    path = write_jobs(tmp_path, {"model": "wan2.6-image-to-video-flash", "prompt": "A", "image_urls": ["file:cat.jpg"]})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ran = cli("check", path)
    assert (ran.code, seen) == (0, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding(cli, tmp_path, encoding):
    """One sentence names the encoding, not one for each line."""
    path = tmp_path / "jobs.jsonl"
    path.write_bytes((json.dumps(dance(1)) + "\n" + json.dumps(dance(2)) + "\n").encode(encoding))
    ran = cli("check", path)
    assert (ran.code, ran.out) == (2, "")
    assert f"is in {encoding[:6].upper()}; save it as UTF-8" in ran.err


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("missing", ["prompt", "video_urls", "duration", "generate_audio"])
@pytest.mark.parametrize("wrong", [None, 5, {}, [5], "no"])
def test_a_good_file_of_a_bad_line(cli, tmp_path, missing, wrong):
    """It adds no fault, whatever is wrong with the other fields."""
    (tmp_path / "fine.mp4").write_bytes(clip(5))
    line = dance(1, video_urls=["file:fine.mp4"]) | {missing: wrong, "colour": "red"}
    (row,) = cli("check", write_jobs(tmp_path, line)).lines
    assert [fault for fault in row["faults"] if "fine.mp4" in fault and missing != "video_urls"] == []
    assert row["faults"][-1].endswith("@ colour") or f"@ {missing}" in str(row["faults"])
    assert (row["ok"], row["custom_id"]) == (False, "shot-1")


VALUES: list[object] = [
    None, 5, 1.5, True, "", "a", "file:", "file:x.png", "cat.png", "file://nas/a", "https://a.b/c.mp4", [], ["file:x"],
    ["a.mp4", 5, None], {"a": 1}, {}, [[]], [{}], {"image1": "file:x.wav"}, {"voice_bindings": {"image1": "a.wav"}},
    {"voice_bindings": [1]}, "x" * 3000, -1, 10**30, "\U0010ffff",
]  # fmt: skip


def any_line(dice: random.Random) -> dict[str, object]:
    """A line with values of any kind in fields of any model."""
    model = dice.choice(sorted(registered_models()))
    line: dict[str, object] = {"model": dice.choice([model, model, model, None, 5, "wan9", []])}
    for field in fields_of(registered_models()[model]):
        if dice.random() < 0.6:
            outer, _, inner = field.path.rpartition(".")
            line |= {outer: {inner: dice.choice(VALUES)}} if outer else {field.path: dice.choice(VALUES)}
    line |= {"custom_id": dice.choice(VALUES)} if dice.random() < 0.5 else {}
    return line | ({dice.choice(["body", "params", "request"]): dice.choice(VALUES)} if dice.random() < 0.1 else {})


@pytest.mark.usefixtures("offline")
@pytest.mark.filterwarnings("ignore::evolink_async.params.ParamsWarning")
@pytest.mark.parametrize("seed", range(3))
def test_any_line_is_judged(cli, tmp_path, seed):
    """Each gets its object, in order, and a bad one its faults; nothing in a line ends the command."""
    dice = random.Random(seed)
    lines = [any_line(dice) for _ in range(500)]
    ran = cli("check", write_jobs(tmp_path, *lines))
    assert [row["line"] for row in ran.lines] == list(range(1, 501))
    assert all(row["ok"] != bool(row["faults"]) for row in ran.lines)


# --- what the jobs cost


@pytest.fixture
def film() -> Iterator[str]:
    """A model that no price is known of."""

    @attrs.frozen(kw_only=True)
    class Film(Params):
        """A model that the price list does not have."""

        model: ClassVar[str] = "film-9"
        prompt: str = attrs.field(metadata=rule(Length(100)))

    yield Film.model
    unregister(Film.model)


@pytest.mark.usefixtures("offline")
def test_a_length_behind_a_link_gives_a_range(cli, film, tmp_path):
    """Up to 5 s of input are billed: both ends are told. What no source prices is named, and not taken for nothing."""
    path = write_jobs(
        tmp_path,
        dance(1, duration=10, generate_audio=True),
        {"custom_id": "film", "model": film, "prompt": "x"},
    )
    ran = cli("check", path)
    first, second, total = ran.lines
    low, high = 2.38 * (10 + 1.94), 2.38 * (10 + 5)
    assert first["credits"] == listed(pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert second["credits"]["low"] is None
    assert film in second["credits"]["unknown"]
    assert total["estimate"]["credits"] == {"low": first["credits"]["low"], "high": None}
    [unknown] = total["estimate"]["unknown"]
    assert (unknown["price_class"], unknown["jobs"]) == (film, 1)
    assert "Cost: at least 28.42 credits for 2 jobs; the price of 1 is not known" in ran.err


def test_the_journal_knows_jobs_and_prices(service, cli, tmp_path):
    """With --journal a job that was bought costs nothing, and one like it costs what the service named."""
    frame = {"image_urls": ["https://example.com/a.png"], "video_urls": None, "model": "wan2.6-image-to-video-flash"}
    journal = tmp_path / "films" / "jobs.journal.db"
    assert cli("run", write_jobs(tmp_path, dance(1, **frame)), "--out", tmp_path / "films", *QUICK).code == 0
    bought = submits(service)
    path = write_jobs(tmp_path, dance(1, **frame), dance(2, **frame), dance(1, **frame) | {"custom_id": "other"})
    ran = cli("check", path, "--journal", journal)
    first, second, third, total = ran.lines
    assert (first["recorded"], first["credits"]) == ("ended", None)
    learned = {"low": 6.0, "high": 6.0, "source": "learned", "as_of": None, "unknown": None}
    assert [second["credits"], third["credits"]] == [learned, learned]
    assert (total["estimate"]["ended"], total["estimate"]["jobs"]) == (1, 2)
    assert "Cost: 12 credits for 2 jobs; by learned prices (not bought again: 1 ended before)." in ran.err
    assert submits(service) == bought


def test_a_key_of_other_parameters_is_named(service, cli, tmp_path):
    """A job that `run` would refuse, because its key is taken, is counted apart."""
    assert cli("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "films", *QUICK).code == 0
    ran = cli("check", write_jobs(tmp_path, dance(1, prompt="Else")), "--journal", tmp_path / "films/jobs.journal.db")
    assert ran.lines[0]["recorded"] == "conflict"
    assert "Cost: nothing, as no job would be bought" in ran.err


def test_a_journal_that_does_not_exist(cli, tmp_path):
    """Is a wrong name: it must not look like a journal that has learned nothing."""
    ran = cli("check", write_jobs(tmp_path, dance(1)), "--journal", tmp_path / "none.db")
    assert ran.code == 2
    assert "there is no journal" in ran.err
    assert not (tmp_path / "none.db").exists()


def test_online_in_a_process_of_its_own(service, tmp_path):
    """With --online the service's catalogue is asked, once and free of charge; nothing is submitted."""
    ran = finish(spawn("check", write_jobs(tmp_path, dance(1), dance(2)), "--online"))
    assert ran.code == 0
    assert {line["credits"]["source"] for line in ran.lines[:-1]} == {"catalogue"}
    assert [one.kind for one in service.received] == ["prices"]
    assert "by the service's catalogue of 2026-10-10." in ran.err


def test_online_without_an_answer(service, cli, tmp_path):
    """A catalogue that does not answer changes nothing but the source."""
    service.faults.on("prices", faults.ALWAYS, faults.HTML_200)
    ran = cli("check", write_jobs(tmp_path, dance(1)), "--online")
    assert ran.code == 0
    assert ran.lines[0]["credits"]["source"] == "list"


def test_online_needs_a_key(cli, tmp_path):
    """And says so."""
    ran = cli("check", write_jobs(tmp_path, dance(1)), "--online")
    assert ran.code == 2
    assert "no API key" in ran.err


def test_a_run_tells_how_its_budget_stands(service, cli, tmp_path):
    """After a run with a budget, what was spent, what is held and what is left."""
    ran = cli("run", write_jobs(tmp_path, dance(1)), "--out", tmp_path / "films", "--budget", 100, *QUICK)
    assert ran.code == 0
    assert "Budget: 9 spent, 0 held, 91 left." in ran.err
    assert service.ledger.charged == 9
