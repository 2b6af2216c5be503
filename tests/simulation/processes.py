"""Histories played in processes of their own, to see that a seed is the same history in each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed_in_processes(module: str, draw: str, count: int) -> list[str]:
    """Return the fingerprints of some histories, as two processes with different hashes of strings print them."""
    code = (
        f"from tests.simulation.{module} import {draw}\n"
        "from tests.simulation.play import play\n"
        f"print([play({draw}(seed)).trace.fingerprint() for seed in range(1, {count + 1})])"
    )
    return [_printed(code, hash_seed) for hash_seed in ("1", "4242")]


def _printed(code: str, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
    ).stdout
