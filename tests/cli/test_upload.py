"""`evolink-async upload`: files in, links out."""

from __future__ import annotations

import json
import sys

import pytest

from evolink_async.cli.commands.upload import UploadBars
from evolink_async.cli.output.terminal import Terminal
from evolink_async.emulator import faults
from evolink_async.emulator.rendering.canvas import Title, png
from evolink_async.events import Uploaded, Uploading
from tests.cli.conftest import finish, spawn


@pytest.fixture
def picture(tmp_path):
    """A file the service takes."""
    path = tmp_path / "cat.png"
    path.write_bytes(png(8, 8, Title()))
    return path


def sent(emulator) -> list[str]:
    """The ways that uploads came, one for each."""
    return [request.path.rpartition("/")[2] for request in emulator.received if request.kind == "upload"]


def test_files_and_urls(cli, service, picture, tmp_path):
    """In a pipe one JSON object each, as they end; the same word twice is one upload."""
    [first] = cli("upload", picture, picture).lines
    assert first["url"].startswith(service.results_url)
    assert (first["source"], first["mime_type"], first["size_bytes"]) == (
        str(picture),
        "image/png",
        len(picture.read_bytes()),
    )
    assert first["error"] is None
    ran = cli("upload", first["url"])
    assert (ran.code, ran.lines[0]["sha256"]) == (0, None)
    assert sent(service) == ["stream", "url"]


def test_some_fail(cli, service, picture, tmp_path):
    """One sentence each, exit code 1, and the others are done."""
    (tmp_path / "empty.png").touch()
    ran = cli("upload", picture, tmp_path / "missing.png", tmp_path / "empty.png", tmp_path)
    assert ran.code == 1
    told = {line["source"]: line["error"] and line["error"]["type"] for line in ran.lines}
    assert told[str(picture)] is None
    assert list(told.values()).count(None) == 1
    assert "missing.png' cannot be read: No such file" in ran.err
    assert "empty.png' is empty" in ran.err
    assert ran.err.count("error: ") == 3
    assert sent(service) == ["stream"]


def test_a_journal_remembers(cli, service, picture, tmp_path):
    """The second command sends nothing and shows the same link."""
    journal = tmp_path / "run.db"
    first = cli("upload", picture, "--journal", journal)
    second = cli("upload", picture, "--journal", journal)
    assert first.out == second.out
    assert sent(service) == ["stream"]


def test_the_service_refuses(cli, service, picture):
    """In its own words, and they are no markup."""
    service.faults.on("upload", 1, faults.upload_refused(400, "no [red] cats"))
    ran = cli("upload", picture)
    assert ran.code == 1
    assert "refused" in ran.err
    assert "no [red] cats (code 400)" in ran.err


def test_people_get_sentences(local, picture, monkeypatch, capsys, reach):
    """On a terminal: the link and until when it works; with --json an object all the same."""
    from evolink_async.cli import main

    reach(local)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["upload", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{picture}: {local.results_url}/files/")
    assert "(until 20" in out
    assert out.count("\n") == 1  # however narrow the terminal, a link is not broken
    assert main(["upload", str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == str(picture)


def test_bars_come_and_go():
    """One for each file that is under way."""
    bars = UploadBars(Terminal.here())
    for sent_bytes in (1, 2):
        bars(Uploading(at=0, source="a/b.mp4", sent_bytes=sent_bytes, total_bytes=5))
    [task] = bars.progress.tasks
    assert (task.description, task.completed, task.total) == ("b.mp4", 2, 5)
    bars(Uploaded(at=0, seconds=1, source="a/b.mp4"))
    bars(Uploaded(at=0, seconds=1, source="never begun.mp4"))
    assert bars.progress.tasks == []


def test_no_key_and_no_service(cli, monkeypatch, picture):
    """A sentence for each; nobody is asked twice where a name leads nowhere."""
    assert cli("upload", picture).code == 2
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-1")
    ran = cli("upload", picture, "--files-url", "http://example.com")
    assert ran.code == 2
    assert "must be https" in ran.err


def test_as_a_process_of_its_own(service, picture):
    """Nothing but JSON on standard output, nothing on standard error."""
    ran = finish(spawn("upload", picture))
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 1)
