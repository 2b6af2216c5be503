"""Reading ahead changes nothing: whatever is asked for in whatever order is what stands in the file."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evolink_async.journal.reader import AHEAD, RowReader
from evolink_async.journal.schema import migrate
from tests.laws.effort import effort

STATES = ("planned", "accepted", "in_doubt", "completed", "failed", "downloaded", "abandoned")
INSERT = "INSERT INTO jobs (key, state, model, path, body, digest, shape) VALUES (?, ?, '', '', '', '', '')"
COUNT = 2 * AHEAD + 9

asked = st.one_of(
    st.just(list(range(COUNT + 1))),
    st.lists(st.integers(0, COUNT)),
    st.integers(0, COUNT).flatmap(lambda start: st.just(list(range(start, COUNT)))),
)


@effort(0.3)
@given(
    states=st.lists(st.sampled_from(STATES), min_size=COUNT, max_size=COUNT),
    asked=asked,
    saved=st.frozensets(st.integers(0, COUNT - 1)),
)
def test_what_is_read_is_what_stands_there(states, asked, saved):
    """Also when the files of a job are saved just before it is asked for; a gap in the file is no row."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(path := f"{folder}/run.db")) as writer:
        writer.execute("PRAGMA synchronous = OFF")  # nothing here outlives the example
        migrate(writer, 0)
        writer.executemany(INSERT, [(f"shot-{number}", state) for number, state in enumerate(states)])
        writer.commit()
        reader = RowReader(path)
        reader.open()
        for number in asked:
            key = f"shot-{number}"
            if number in saved:
                reader.forget(key)
                writer.execute("UPDATE jobs SET state = 'downloaded' WHERE key = ?", (key,))
                writer.commit()
            row = reader.job(key)
            stands = writer.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
            assert (row and (row["key"], row["state"])) == (stands and (key, *stands))
        reader.close()


def test_jobs_asked_for_in_their_order_are_read_many_at_once(tmp_path, monkeypatch):
    """A million finished jobs are a few thousand reads, not a million."""
    path = str(tmp_path / "run.db")
    with closing(sqlite3.connect(path)) as writer:
        migrate(writer, 0)
        writer.executemany(INSERT, [(f"shot-{number}", "completed") for number in range(1000)])
        writer.commit()
    reader, reads = RowReader(path), []
    reader.open()
    plain = reader.rows

    def counted(query: str, *values: object) -> Any:
        reads.append(query)
        return plain(query, *values)

    monkeypatch.setattr(reader, "rows", counted)
    assert all(reader.job(f"shot-{number}") for number in range(1000))
    assert len(reads) < 1000 / AHEAD * 2 + 5
    reader.close()
