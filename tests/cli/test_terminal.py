"""What a terminal shows: the progress display, the closing table, help."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest
from rich.console import Console

from evolink_async import __version__
from evolink_async.cli import main
from evolink_async.cli.output.notices import Notices
from evolink_async.cli.output.pace import Pace, seconds_to_go
from evolink_async.cli.output.progress_display import Progress, draw
from evolink_async.cli.output.terminal import Terminal, plain
from evolink_async.cli.output.trouble import TroubleLines
from evolink_async.client import Trouble
from evolink_async.errors import NotDeliveredError, RateLimitError, SubmissionUnknownError
from evolink_async.events import DownloadTrouble
from evolink_async.pool import Stats
from evolink_async.version import how_to_install
from tests.cli.conftest import QUICK, ROOT, dance, environment, spawn, write_jobs


def in_terminal(*words, env):
    """What a process writes to a terminal of 100 columns, and its exit code."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    env = {"TERM": "xterm-256color", **env}
    process = spawn(*words, env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    written = bytearray()
    try:
        while piece := os.read(leader, 65536):
            written += piece
    except OSError:  # Linux: the last writer has closed it
        pass
    os.close(leader)
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\].*?\x1b\\)", "", written.decode()), process.wait(timeout=120)


def test_run_in_a_terminal(service, tmp_path):
    """A terminal shows progress, and a table instead of JSON."""
    jobs = write_jobs(tmp_path, dance(1), dance(2), "{")
    text, code = in_terminal("run", jobs, "--out", tmp_path / "out", *QUICK, env=environment(service))
    assert code == 1
    assert "0/2" in text
    assert "generating" in text
    assert re.search(r"shot-1 +wan2.6-reference-video-flash +completed +9 ", text)
    assert "2 completed, 0 failed" in text
    assert '{"custom_id"' not in text


def test_models_in_a_terminal():
    """In a terminal the models are a table, a row each, and so are the fields of one."""
    text, code = in_terminal("models", env={})
    assert code == 0
    assert re.search(r"wan2.6-reference-video-flash +Wan26ReferenceVideoFlash +prompt, video_urls", text)
    text, code = in_terminal("models", "wan2.6-reference-video", env={})
    assert code == 0
    assert re.search(r"quality +\"720p\" +720p or 1080p", text)


@pytest.mark.parametrize("columns", ["0", "1", "2", "\N{SUPERSCRIPT TWO}", "9" * 12, "-5", "wide", ""])
def test_a_terminal_that_claims_an_odd_width(columns):
    """Help ends, and an error is not silent, also with a width in which no word has room, or that is none."""
    text, code = in_terminal("run", "--help", env={"COLUMNS": columns})
    assert (code, "Usage" in text) == (0, True)
    text, code = in_terminal("check", "none.jsonl", env={"COLUMNS": columns})
    assert (code, text.count("error: cannot read the jobs file 'none.jsonl'")) == (2, 1)


def test_counts():
    """The states add up to all jobs, those being saved included."""
    stats = Stats(waiting=2, submitting=1, in_flight=3, completed=5, failed=1, unknown=1, credits_used=9.5)
    counts = Progress(total=20, ended=4, seconds=0, stats=stats).counts()
    assert counts == {
        "queued": 9,
        "submitting": 1,
        "generating": 3,
        "saving": 3,
        "completed": 2,
        "failed": 1,
        "unknown": 1,
    }
    assert sum(counts.values()) == 20


def test_draw():
    """The display fits 80 columns and shows the figures."""
    text = drawn(Stats(credits_used=9.5, credits_reserved=123.25, looks=510_000, status_requests=10_200, uploading=3))
    assert "5/100000  1:02:05" in text
    assert "credits: 9.5 spent, 123.25 held" in text
    assert "0 submits, 10200 status requests (510000 polls)" in text
    assert "3 up, 0 down" in text
    assert len(text.splitlines()) == 6


@pytest.mark.parametrize(
    ("error", "tries", "sentence"),
    [
        (NotDeliveredError("no connection to https://a.b (refused)"), 12, "no connection to https://a.b (refused), 12"),
        (SubmissionUnknownError("502; a task may have been accepted and charged"), 1, "502, 1 try, trying until 21:41"),
        (RateLimitError(429, "slow\x1b[2J down"), 2, "HTTP 429: slow\ufffd[2J down, 2 tries, trying until 21:41"),
    ],
)
def test_trouble_is_drawn(error, tries, sentence, monkeypatch):
    """The display has a line more: the error, how often it was tried, and until when it is; no escape is obeyed."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    text = drawn(Stats(trouble=Trouble(error=error, tries=tries, until=1_795_642_865.0)))
    assert sentence in text
    assert text.rstrip().endswith("trying until 21:41")
    assert len(text.splitlines()) == 7
    assert max(map(len, text.splitlines())) <= 80


def drawn(stats):
    told = io.StringIO()
    console = Console(file=told, width=80, force_terminal=True, color_system=None)
    console.print(draw(Progress(total=100_000, ended=5, seconds=3725, stats=stats)))
    return told.getvalue()


def lines_told(*seen):
    """What is printed for trouble at each of these moments."""
    lines = TroubleLines()
    return [lines.line(trouble, now) for trouble, now in seen]


def test_trouble_in_a_pipe_is_a_line_now_and_then():
    """The first one when it has lasted a moment, then one a minute, and one when it is over."""
    some = Trouble(error=NotDeliveredError("refused"), tries=3, until=0.0)
    told = lines_told((None, 0.0), (some, 1.0), (some, 2.0), (some, 3.0), (some, 61.9), (some, 62.0), (None, 63.0))
    assert [line and line[:16] for line in told] == [
        None, None, "refused, 3 tries", None, None, "refused, 3 tries", "The service acce",
    ]  # fmt: skip


@pytest.mark.parametrize("moments", [(1.0,), (1.0, 1.9), (5.0, 5.2, 5.4)])
def test_a_single_failure_is_not_told(moments):
    """It is sent again, and nobody has to know; neither is its end told."""
    some = Trouble(error=NotDeliveredError("refused"), tries=1, until=0.0)
    assert lines_told(*((some, at) for at in moments), (None, 6.0)) == [None] * (len(moments) + 1)


def test_draw_a_budget():
    """With a budget the line about credits says what is spent, held and left of it."""
    told = io.StringIO()
    console = Console(file=told, width=80, force_terminal=True, color_system=None)
    stats = Stats(credits_left=-1.5, credits_held=23.8, credits_spent=77.7)
    console.print(draw(Progress(total=10, ended=5, seconds=1, stats=stats)))
    assert "budget: 77.7 spent, 23.8 held, -1.5 left" in told.getvalue()
    assert len(told.getvalue().splitlines()) == 6


def test_draw_how_long_it_takes():
    """The display says how many jobs end in a minute, and when all will have ended."""
    told = io.StringIO()
    console = Console(file=told, width=80, force_terminal=True, color_system=None)
    stats = Stats(in_flight=4, completed=5, seconds_left=100.0, seconds_each=80.0)
    console.print(draw(Progress(total=17, ended=5, seconds=1, stats=stats, per_minute=7.26)))
    assert "7.3 a minute · about 4:20 to go · files: 0 up, 0 down" in told.getvalue()


def test_pace():
    """The rate is that of the last two minutes; before there is an end there is none."""
    pace = Pace()
    pace.note(0.0, 0)
    assert pace.latest is None
    for second in range(1, 601):
        pace.note(second, 0 if second < 100 else max(second, 300))
    assert pace.ended == 600
    assert pace.latest == pytest.approx(60)
    assert seconds_to_go(Stats(), 10) is None


def test_a_host_without_results_is_told(capsys):
    """On standard error, as a line of the run."""
    event = DownloadTrouble(at=0.0, host="files.example", reason="nothing has come for 10 s", patience=300.0)
    Notices(Terminal.here())(event)
    told = "note: files.example does not give the results: nothing has come for 10 s; each is tried for up to 300 s\n"
    assert capsys.readouterr() == ("", told)


def test_nothing_a_terminal_obeys():
    """Escape sequences and markup in a message are shown, not obeyed."""
    text = plain("\x1b[31mred\x07 [bold]x[/]").plain
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x[/]" in text


def test_help(cli):
    """Help names every command and the environment; each command explains its options."""
    ran = cli("--help")
    assert ran.code == 0
    commands = ["demo", "run", "doubts", "settle", "models", "status", "emulator"]
    words = [*commands, "EVOLINK_API_KEY", "EVOLINK_BASE_URL", "Exit codes"]
    assert [word for word in words if word not in ran.out] == []
    assert cli().code == 0
    for command in commands:
        ran = cli(command, "--help")
        assert ran.code == 0
        assert "Args:" not in ran.out


def test_help_on_running_again(cli):
    """The help of `run` says what the journal is for, and what Ctrl-C does."""
    told = " ".join(cli("run", "--help").out.split())
    for words in ("the same command again goes on", "pays for no job twice", "Ctrl-C", "--journal", "--no-journal"):
        assert words in told


def test_version(cli):
    """`--version` is the package's."""
    assert cli("--version").out.strip() == __version__


def test_without_the_extra(monkeypatch, capsys):
    """Without rich and cyclopts one sentence says what to install."""
    monkeypatch.setattr("evolink_async.cli.entry.find_spec", lambda name: None)
    assert main([]) == 2
    assert capsys.readouterr().err.strip().endswith(how_to_install("cli"))


@pytest.mark.parametrize("words", [["--version"], ["models"], ["run", "none.jsonl", "--out", "x"]])
def test_start_is_cheap(words):
    """Commands that need no emulator load neither it nor what it needs."""
    heavy = "{'av', 'PIL', 'jsonschema', 'evolink_async.emulator'}"
    code = f"import sys, evolink_async.cli as c; c.main({words!r}); sys.exit(str(sorted({heavy} & sys.modules.keys())))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, cwd=ROOT)
    assert ran.stderr.splitlines()[-1] == "[]"
