"""Generations in a Ray Data pipeline: batches come again, workers and drivers die, and each job is paid for once."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from evolink_async import HttpOptions, Job
from evolink_async.emulator import Emulator, faults
from evolink_async.engines.ray import COLUMNS, BatchRunner
from evolink_async.errors import ConfigurationError, JournalError
from evolink_async.journal.postgres import PostgresJournal
from tests.engines.kit import until
from tests.kit import FAST, PATIENT, dance

ROOT = Path(__file__).parents[2]
COUNT = 150
ADDRESS = "postgresql://host/films"
needs_arrow = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed; see `nox -s ray`")


def rows(count: int = COUNT) -> list[dict[str, Any]]:
    """Lines of a jobs file."""
    model, videos = "wan2.6-reference-video", ["https://example.com/reference.mp4"]
    return [
        {"custom_id": f"shot-{number}", "model": model, "prompt": f"A dance, take {number}", "video_urls": videos}
        for number in range(1, count + 1)
    ]


def table(given: list[dict[str, Any]]) -> Any:
    """A batch, as Ray Data hands it over."""
    return importlib.import_module("pyarrow").Table.from_pylist(given)


async def refuse(journal: PostgresJournal) -> None:
    """Be a journal whose server is away."""
    raise JournalError("the server is away")


def runner(emulator: Emulator, journal: str, **arguments: Any) -> BatchRunner:
    """One worker's step of a pipeline, without Ray."""
    settings: dict[str, Any] = {
        "api_key": "sk-emulator",
        "base_url": emulator.base_url,
        "cadence": FAST,
        "retry": PATIENT,
        "http": HttpOptions(allow_private_results=True),
    }
    return BatchRunner(journal, settings=settings, **arguments)


@needs_arrow
@pytest.mark.anyio
async def test_a_batch(emulator, postgres, tmp_path):
    """Its rows stay in their order, and get what came of them; a batch that comes again buys nothing."""
    emulator.faults.on("submit", 2, faults.error(422))
    emulator.faults.on("submit", 3, faults.DROP_AFTER_ACCEPT)
    given = table(rows(4))
    one = runner(emulator, postgres, download_to=tmp_path)
    made = await one(given)
    assert made.column_names == [*given.column_names, *COLUMNS]
    assert made.select(given.column_names).equals(given)
    told = made.to_pylist()
    assert Counter(row["outcome"] for row in told) == {"completed": 2, "failed": 1, "unknown": 1}
    for row in told:
        is_done = row["outcome"] == "completed"
        assert [row[name] is not None for name in COLUMNS[1:]] == [*[is_done] * 4, not is_done]
        assert not is_done or Path(row["file"]).stat().st_size > 1000
    await one.aclose()
    assert emulator.ledger.accepted == 3
    other = runner(emulator, postgres)
    again = {row["custom_id"]: row for row in (await other(given)).to_pylist()}
    await other.aclose()
    for row in told:
        assert again[row["custom_id"]]["outcome"] == ("unknown" if row["outcome"] == "unknown" else "completed")
        assert row["outcome"] != "completed" or again[row["custom_id"]]["task_id"] == row["task_id"]
    assert emulator.ledger.accepted == 4  # the refused one has cost nothing, and was sent again


@needs_arrow
@pytest.mark.anyio
async def test_a_batch_after_a_journal_that_was_away(emulator, postgres, monkeypatch):
    """The batch fails; when Ray brings it again to the same worker, it is run."""
    one = runner(emulator, postgres)
    with monkeypatch.context() as away:
        away.setattr(PostgresJournal, "open", refuse)
        with pytest.raises(JournalError, match="away"):
            await one(table(rows(1)))
    assert [row["outcome"] for row in (await one(table(rows(1)))).to_pylist()] == ["completed"]
    await one.aclose()
    assert emulator.ledger.accepted == 1


@needs_arrow
@pytest.mark.anyio
async def test_odd_rows(emulator, postgres):
    """A row that makes no job has failed alone; rows with one key and equal parameters are one job."""
    good = rows(1)[0]
    changes: list[dict[str, Any]] = [{}, {"custom_id": None}, {"custom_id": "x", "prompt": None}, {}, {"prompt": "B"}]
    given = [good | change for change in changes]
    one = runner(emulator, postgres)
    told = (await one(table(given))).to_pylist()
    await one.aclose()
    assert [row["outcome"] for row in told] == ["completed", "failed", "failed", "completed", "failed"]
    assert told[0]["task_id"] == told[3]["task_id"]
    assert "custom_id" in told[1]["error"]
    assert "prompt" in told[2]["error"]
    assert "other parameters" in told[4]["error"]
    assert emulator.ledger.accepted == 1


@needs_arrow
@pytest.mark.anyio
async def test_columns_of_ones_own(emulator, postgres):
    """A function makes the job of a row that is no request body; batches side by side share one pool."""
    one = runner(emulator, postgres, job_of=lambda row: Job(f"take-{row['take']}", dance(row["take"])))
    batches = [table([{"take": number, "note": None}]) for number in range(5)]
    made = await asyncio.gather(*map(one, batches))
    assert [row["outcome"] for each in made for row in each.to_pylist()] == ["completed"] * 5
    with psycopg.connect(postgres) as server:
        assert server.execute("SELECT count(*) FROM evolink_owners").fetchone() == (1,)
    await one.aclose()


@needs_arrow
@pytest.mark.anyio
async def test_batches_that_are_refused(emulator, postgres):
    """Before anything is sent: another format, and columns that would be overwritten."""
    one = runner(emulator, postgres)
    with pytest.raises(ConfigurationError, match=r"batch_format='pyarrow'.*not dict"):
        await one({"custom_id": ["a"]})
    with pytest.raises(ConfigurationError, match="url, credits"):
        await one(table([{**rows(1)[0], "url": "x", "credits": 1}]))
    assert emulator.ledger.accepted == 0


@pytest.mark.parametrize("journal", ["films.db", "", "sqlite:///films.db"])
def test_a_journal_that_workers_cannot_share_is_refused(journal):
    """It would buy the same batch again on another worker."""
    with pytest.raises(ConfigurationError, match="PostgreSQL only"):
        BatchRunner(journal)


def test_without_the_extra(monkeypatch):
    """It is named."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"need pyarrow; .*ray"):
        BatchRunner(ADDRESS)


# --- on a real Ray


class Pipeline:
    """The example, in a folder, with an emulator and a journal."""

    def __init__(self, emulator: Emulator, journal: str, folder: Path) -> None:
        self.emulator, self.journal, self.folder = emulator, journal, folder
        self.input = folder / "jobs.jsonl"
        self.input.write_text("".join(json.dumps(row) + "\n" for row in rows()))

    @contextmanager
    def running(self, output: str = "films.parquet") -> Iterator[subprocess.Popen[str]]:
        """A driver, in a process group of its own, which ends with the context."""
        known = {"FILMS_JOURNAL": self.journal, "EVOLINK_BASE_URL": self.emulator.base_url, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.engines.run_ray", str(ROOT / "examples" / "ray_films.py")]
        with (
            (self.folder / "log.txt").open("a") as log,
            subprocess.Popen(
                [*command, str(self.input), str(self.folder / output)],
                cwd=self.folder,
                env=os.environ | known | {"EVOLINK_API_KEY": "sk-emulator"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            ) as driver,
        ):
            try:
                yield driver
            finally:
                driver.kill()

    def run(self, output: str = "films.parquet") -> list[dict[str, Any]]:
        """Run it to its end, and return the rows."""
        with self.running(output) as driver:
            assert driver.wait() == 0, (self.folder / "log.txt").read_text()[-3000:]
        return self.told(output)

    def told(self, output: str = "films.parquet") -> list[dict[str, Any]]:
        """The rows that were written."""
        parquet = importlib.import_module("pyarrow.parquet")
        told: list[dict[str, Any]] = parquet.read_table(self.folder / output).to_pylist()
        return told

    def workers(self) -> list[int]:
        """The process ids of the pools that live."""
        with psycopg.connect(self.journal) as server:
            if server.execute("SELECT to_regclass('evolink_owners')").fetchone() == (None,):
                return []
            names = server.execute("SELECT name FROM evolink_owners WHERE lease_until > clock_timestamp()").fetchall()
        return [int(name.rsplit("-", 2)[1]) for (name,) in names]

    def check(self, told: list[dict[str, Any]], *, doubts: int) -> None:
        """Each job is told once, has one task at most, and what was paid is told or in doubt."""
        assert sorted(row["custom_id"] for row in told) == sorted(row["custom_id"] for row in rows())
        counts = Counter(row["outcome"] for row in told)
        assert counts.keys() <= {"completed", "unknown"}
        assert counts["unknown"] <= doubts
        tasks = self.emulator.ledger.tasks_by_body
        assert all(len(ids) == 1 for ids in tasks.values())
        known = {row["task_id"] for row in told if row["outcome"] == "completed"}
        assert len(known) == counts["completed"]
        paid = {task_id for ids in tasks.values() for task_id in ids}
        assert known <= paid
        assert len(paid - known) <= counts["unknown"]


@pytest.fixture
def pipeline(postgres, tmp_path) -> Iterator[Pipeline]:
    """One on a service whose tasks take some seconds."""
    with Emulator(speed=100, median_seconds=300, latency=0.02).in_thread() as emulator:
        yield Pipeline(emulator, postgres, tmp_path)


@needs_ray
@pytest.mark.timeout(300)
def test_from_jsonl_and_from_parquet(pipeline):
    """Films come out as Parquet; the same rows from another file buy nothing again."""
    told = pipeline.run()
    pipeline.check(told, doubts=0)
    assert "150 completed" in (pipeline.folder / "log.txt").read_text()
    pipeline.input = pipeline.folder / "jobs.parquet"
    importlib.import_module("pyarrow.parquet").write_table(table(rows()), pipeline.input)
    pipeline.check(pipeline.run("again.parquet"), doubts=0)
    assert pipeline.emulator.ledger.accepted == COUNT


@needs_ray
@pytest.mark.timeout(300)
def test_a_killed_worker(pipeline):
    """Ray brings its batch to another one, which finds the tasks; what was being sent is in doubt."""
    with pipeline.running() as driver:
        until(lambda: pipeline.emulator.ledger.accepted >= 20)
        killed = pipeline.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert driver.wait() == 0, (pipeline.folder / "log.txt").read_text()[-3000:]
    assert killed
    pipeline.check(pipeline.told(), doubts=2 * SUBMITS)


@needs_ray
@pytest.mark.timeout(300)
def test_a_killed_driver(pipeline):
    """The pipeline is run again, as a person would: also while workers of the first run may still live."""
    with pipeline.running() as driver:
        until(lambda: pipeline.emulator.ledger.accepted >= 20)
        driver.kill()
    pipeline.check(pipeline.run(), doubts=2 * SUBMITS)


SUBMITS = 8
"""Submits that a worker has under way at once, at most; each may be in doubt when it dies."""
