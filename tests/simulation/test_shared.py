"""Histories of several processes on one shared journal keep the laws, and the server in memory is like a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("psycopg")

from tests.simulation.laws import violations
from tests.simulation.play import play
from tests.simulation.processes import printed_in_processes
from tests.simulation.script import Script, show
from tests.simulation.shared_draw import draw_shared
from tests.simulation.shared_mended import MENDED
from tests.simulation.shrink import shrink

HISTORIES = 50
CHUNK = 5
"""Histories in one test, so that two processes share them."""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(1, HISTORIES, CHUNK))
def test_drawn_histories_of_several_processes_keep_the_laws(first: int) -> None:
    """What fails is shrunk and printed, ready to be kept."""
    for seed in range(first, first + CHUNK):
        for violation in violations(play(draw_shared(seed))):
            script = show(shrink(draw_shared(seed), violation.name, most_plays=100))
            pytest.fail(f"history {seed} breaks a law\n{violation.name}\n{violation.text}\n\n{script}")


@pytest.mark.parametrize("script", MENDED.values(), ids=MENDED)
def test_what_was_mended_keeps_every_law(script: Script) -> None:
    """Each of these broke a law once."""
    assert violations(play(script)) == []


def test_the_same_seed_is_the_same_history_of_several_processes() -> None:
    """Neither hashes of strings nor addresses in memory change what happens."""
    prints = printed_in_processes("shared_draw", "draw_shared", 5)
    assert prints[0].count(",") == 4
    assert prints[0] == prints[1]
