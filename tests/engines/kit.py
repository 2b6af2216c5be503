"""What tests of engines look up in the tables of a journal and of Procrastinate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg


def until(condition: Callable[[], object]) -> None:
    """Return as soon as a condition holds; the time limit of the test is the bound."""
    while not condition():
        time.sleep(0.05)


def sql(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement past all others."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def queued(journal: str) -> int:
    """How many jobs are in the queue."""
    return int(sql(journal, "SELECT count(*) FROM evolink_queue")[0][0])


def states(journal: str) -> dict[str, int]:
    """How many jobs there are in each state."""
    return dict(sql(journal, "SELECT state, count(*) FROM evolink_jobs GROUP BY state"))


def chunks(journal: str) -> dict[str, int]:
    """How many chunks there are in each state, as Procrastinate has it."""
    query = "SELECT status, count(*) FROM procrastinate_jobs WHERE task_name = 'films:run_chunk' GROUP BY status"
    return dict(sql(journal, query))
