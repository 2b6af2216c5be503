"""The page as a text: what it holds, and what no text of a job can do to it."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.errors import ConfigurationError
from evolink_async.report import write_report
from evolink_async.report.cards import Card, Film, Problem
from evolink_async.report.page import MARK, render
from evolink_async.report.posters import with_posters
from evolink_async.report.reading import Report
from tests.report.kit import make_film, mixed_journal


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and the text of its data."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.data = ""
        self._is_data = False
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attributes))))
        self._is_data = ("id", "data") in attributes

    def handle_data(self, data: str) -> None:
        if self._is_data:
            self.data += data

    def handle_endtag(self, tag: str) -> None:
        self._is_data = False


EMPTY = Elements(render(Report(name="jobs", journal="jobs.db", word="jobs.db", made_at=0.0, cards=()))).found
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "</script><script>alert(1)</script>",
            "<!--<script>",
            "]]>--><img src=x onerror=alert(1)>",
            "\"' onmouseover='alert(1)'",
            "javascript:alert(1)",
            "{{ 7 * 7 }}{% raw %}",
            "&lt;b&gt;&#60;",
            "\u2028\u2029\x00\x1b[2J\ud800",
            "</style></title></textarea>" * 4000,
        ]
    ),
    st.builds("".join, st.lists(st.sampled_from([*"<>/!-&'\"", "script", "style", "\\", "\n"]), max_size=30)),
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_texts_change_nothing(name, prompt, other, address):
    """Whatever stands in a key, a prompt, a parameter, a message, a link or a path: the elements stay the same."""
    film = Film(href=address, name=other, path=name)
    problem = Problem(code=other, message=prompt, advice=name)
    card = Card(
        place=1,
        key=name,
        state="failed",
        model=other,
        body={"prompt": prompt, other: [address]},
        links=(address,),
        films=(film,),
        problem=problem,
        earlier_tasks=(other,),
    )
    page = Elements(render(Report(name=name, journal=other, word=other, made_at=0.0, cards=(card,))))
    assert page.found == EMPTY
    read = json.loads(page.data)
    assert (read["name"], read["journal"]) == (name, other)
    assert read["cards"] == json.loads(json.dumps([card.as_json()]))


def test_the_page_names_its_own_parts():
    """Its policy allows one style and one script by their digests, and no other host."""
    page = render(Report(name="jobs", journal="jobs.db", word="jobs.db", made_at=0.0, cards=())).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.count("sha256-") == 2
    assert "http" not in policy
    assert "connect-src &#39;none&#39;" in policy
    assert re.findall(r'(?:src|href)="(?!#)', page) == []


def test_a_page_replaces_a_page_alone(tmp_path):
    """A page is written anew over itself, never over another file; nothing is left beside it."""
    mixed_journal(tmp_path / "jobs.db", 5)
    write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    assert MARK.encode() in (tmp_path / "index.html").read_bytes()[:500]
    (tmp_path / "mine.html").write_text("<h1>Mine</h1>")
    with pytest.raises(ConfigurationError, match=r"mine\.html' is not a page of a report"):
        write_report(tmp_path / "jobs.db", tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "<h1>Mine</h1>"
    for place in (tmp_path / "no such folder" / "index.html", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot write the report"):
            write_report(tmp_path / "jobs.db", place)
    assert not list(tmp_path.glob(".report-*"))


@pytest.mark.parametrize(
    ("place", "why"), [("pipe", "not a regular file"), ("/dev/null", "not a regular file"), ("", "is a folder")]
)
def test_a_page_is_a_file(tmp_path, monkeypatch, place, why):
    """A pipe is not waited for, a device is not replaced, and a path of no letters is told apart from a file."""
    monkeypatch.chdir(tmp_path)
    mixed_journal(tmp_path / "jobs.db", 1)
    os.mkfifo("pipe")
    with pytest.raises(ConfigurationError, match=f"cannot write the report .*{why}"):
        write_report("jobs.db", Path(place))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "jobs.db-lock") == ["jobs.db", "pipe"]


def test_without_jinja2(tmp_path, monkeypatch):
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    mixed_journal(tmp_path / "jobs.db", 1)
    with pytest.raises(ConfigurationError, match=r"a report needs jinja2; .*report"):
        write_report(tmp_path / "jobs.db", tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


def test_posters(tmp_path):
    """A film has a small picture; a file that is no film has none, and nor has one after the time is over."""
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    paths = [make_film(tmp_path), tmp_path / "broken.mp4", tmp_path / "gone.mp4"]
    cards = [
        Card(place=at, key=path.name, state="ready", model="m", films=(Film(href="x", name="x", path=str(path)),))
        for at, path in enumerate(paths)
    ]
    [picture, *others] = [card.poster for card in with_posters(cards)]
    assert picture is not None
    kind, _, content = picture.partition(",")
    assert kind == "data:image/jpeg;base64"
    assert 500 < len(base64.b64decode(content)) < 20_000
    assert others == [None, None]
    times = iter([0.0, 99.0, 99.0, 99.0])
    assert {card.poster for card in with_posters(cards, lambda: next(times))} == {None}


def test_five_thousand_jobs_are_small(tmp_path):
    """The data of a usual job take less than a kilobyte, so 5,000 jobs take less than 6 MB."""
    mixed_journal(tmp_path / "jobs.db", 200, make_film(tmp_path))
    write_report(tmp_path / "jobs.db", tmp_path / "index.html", has_posters=False)
    empty = len(render(Report(name="jobs", journal="jobs.db", word="jobs.db", made_at=0.0, cards=())))
    assert ((tmp_path / "index.html").stat().st_size - empty) / 200 * 5000 + empty < 6e6
