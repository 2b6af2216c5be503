"""What a page is told of each job, from the journal's file."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evolink_async.errors import ConfigurationError
from evolink_async.journal.doubts import settle_doubt
from evolink_async.journal.histories import HistoryReader
from evolink_async.journal.places import JournalInFile
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.report.cards import LONGEST_PROMPT
from evolink_async.report.reading import PageReader, read_report
from tests.report.kit import BEGAN, STATES, body_of, make_film, mixed_journal, write_job, write_journal


def cards_of(path):
    """The cards of a journal, by key."""
    return {card.key: card for card in read_report(path).cards}


def test_every_state(tmp_path):
    """A page names each state, in the order of the jobs."""
    mixed_journal(tmp_path / "jobs.journal.db", len(STATES))
    report = read_report(tmp_path / "jobs.journal.db")
    assert report.name == "jobs"
    assert [card.key for card in report.cards] == [f"shot-{number:05}" for number in range(len(STATES))]
    assert {card.state for card in report.cards} == set(STATES)


def test_a_film(tmp_path):
    """A job that is ready has its film, relative to the page, its credits, its times and its links."""
    (tmp_path / "a film").mkdir()
    film = make_film(tmp_path / "a film", "shot #1?.mp4")
    write_journal(tmp_path / "jobs.db", [("shot", "ready", body_of(1), {"film": film})])
    card = cards_of(tmp_path / "jobs.db")["shot"]
    [saved] = card.films
    assert saved.href == "./a%20film/shot%20%231%3F.mp4"
    assert (saved.name, saved.size_bytes) == (film.name, film.stat().st_size)
    assert (card.credits, card.polls, card.lag) == (10.5, 3, 2.5)
    assert (card.accepted_at, card.ended_at) == (BEGAN, BEGAN + 60)
    assert card.body == body_of(1)
    film.unlink()
    assert [one.href for one in cards_of(tmp_path / "jobs.db")["shot"].films] == [None]


def test_a_film_elsewhere(tmp_path):
    """A film outside of the page's folder has a whole address."""
    (tmp_path / "pages").mkdir()
    film = make_film(tmp_path)
    write_journal(tmp_path / "jobs.db", [("shot", "ready", body_of(1), {"film": film})])
    [card] = read_report(tmp_path / "jobs.db", tmp_path / "pages").cards
    assert [one.href for one in card.films] == [film.as_uri()]


def test_a_failure(tmp_path):
    """A job that failed has the service's code and words, and what to do; it cost nothing."""
    write_journal(tmp_path / "jobs.db", [("shot", "failed", body_of(1), {"message": "No."})])
    card = cards_of(tmp_path / "jobs.db")["shot"]
    assert card.credits is None
    assert card.problem is not None
    assert (card.problem.code, card.problem.message) == ("content_policy_violation", "No.")
    assert card.problem.advice
    assert not card.problem.may_be_charged


def test_a_doubt(tmp_path):
    """A job in doubt says what to look for; once it is settled, it does not."""
    path = tmp_path / "jobs.db"
    write_journal(path, [("shot", "doubt", body_of(1), {})])
    search = cards_of(path)["shot"].search
    assert search is not None
    assert search.end - search.begin == 240
    # The page writes the times between the two parts, in the zone of its reader.
    assert search.check[0].endswith("made between ")
    assert search.check[1] == "."
    assert "735aa646" in search.check[0]
    assert search.idempotency_key == "purchase-shot"
    asyncio.run(settle_doubt(path, "shot", "resubmit"))
    assert (cards_of(path)["shot"].state, cards_of(path)["shot"].search) == ("planned", None)


def test_a_doubt_that_was_given_up(tmp_path):
    """It failed, and nobody knows whether it was charged: the page must not say that it was not."""
    path = tmp_path / "jobs.db"
    write_journal(path, [("shot", "doubt", body_of(1), {})])
    asyncio.run(settle_doubt(path, "shot", "abandon"))
    card = cards_of(path)["shot"]
    assert card.state == "failed"
    assert card.problem is not None
    assert card.problem.may_be_charged


def test_a_secret_address(tmp_path):
    """The address for callbacks, which holds a token, is not shown."""
    body = body_of(1, callback_url="https://example.com/calls/SECRET-TOKEN")
    write_journal(tmp_path / "jobs.db", [("shot", "ready", body, {})])
    assert "SECRET-TOKEN" not in str(read_report(tmp_path / "jobs.db").as_json())


def test_long_texts(tmp_path):
    """A huge prompt is cut, huge parameters are left out, and the card says so."""
    jobs: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        ("prompt", "ready", body_of(1, prompt="a" * 100_000), {}),
        ("rest", "ready", body_of(2, rest="b" * 100_000), {}),
        ("message", "failed", body_of(3), {"message": "c" * 100_000}),
        ("link", "ready", body_of(4), {"urls": ("https://example.com/" + "d" * 100_000,)}),
    ]
    write_journal(tmp_path / "jobs.db", jobs)
    cards = cards_of(tmp_path / "jobs.db")
    assert len(cards["prompt"].body["prompt"]) == LONGEST_PROMPT
    assert set(cards["rest"].body) == {"model", "prompt"}
    assert (cards["prompt"].is_cut, cards["rest"].is_cut, cards["message"].is_cut) == (True, True, False)
    assert len(str([card.as_json() for card in cards.values()])) < 60_000


def test_no_journal(tmp_path):
    """A file that is not there is one sentence."""
    with pytest.raises(ConfigurationError, match="there is no journal"):
        read_report(tmp_path / "jobs.db")


def test_changes(tmp_path):
    """A second look gives only what has changed since the first, also while a process has the journal open."""
    path = tmp_path / "jobs.db"
    mixed_journal(path, 10)

    async def look() -> None:
        journal = SqliteJournal(path)
        await journal.open()
        reader = PageReader(JournalInFile(path), lambda *_: None)
        assert len(reader.changes()) == 10
        assert reader.changes() == []
        before = reader.mark
        await write_job(journal, "new", "ready", 99, body_of(99))
        assert reader.mark != before
        assert [(card.key, card.state) for card in reader.changes()] == [("new", "ready")]
        await journal.aclose()

    asyncio.run(look())


def test_a_submit_whose_process_has_gone(tmp_path):
    """A submit that is under way becomes a doubt when its process ends, although its row stays the same."""
    path = tmp_path / "jobs.db"

    async def look() -> None:
        journal = SqliteJournal(path)
        await journal.open()
        from tests.report.kit import intent_of

        await journal.submitting(intent_of("shot", body_of(1)))
        reader = PageReader(JournalInFile(path), lambda *_: None)
        assert [card.state for card in reader.changes()] == ["submitting"]
        await journal.aclose()
        [card] = reader.changes()
        assert card.state == "doubt"
        assert card.search is not None

    asyncio.run(look())


def test_rows_of_other_programs(tmp_path):
    """A body that is no JSON object shows as none."""
    import sqlite3
    from contextlib import closing

    mixed_journal(tmp_path / "jobs.db", 3)
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        connection.execute("UPDATE jobs SET body = '[1' WHERE rowid = 1")
        connection.execute("UPDATE jobs SET body = '[1]' WHERE rowid = 2")
        connection.commit()
    assert [bool(history.body) for history in HistoryReader(tmp_path / "jobs.db").changes()] == [False, False, True]
