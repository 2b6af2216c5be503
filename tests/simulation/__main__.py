"""Play many histories and print what breaks the laws: `python -m tests.simulation --seed 1 --histories 1000`."""

# ruff: noqa: T201  # it is a program, and prints

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.draw import draw
from tests.simulation.known import is_known
from tests.simulation.laws import LAWS, SHARED, violations
from tests.simulation.play import play
from tests.simulation.script import Script, show
from tests.simulation.shared_draw import draw_shared
from tests.simulation.shrink import shrink
from tests.simulation.violation import Violation

CHUNK = 50
"""Histories that a process plays at a time."""
TOLD_EVERY = 1000
"""Histories between two lines about how far it is."""


def main() -> int:
    """Play, shrink the first history of each situation, and print; returns 1 if anything unknown broke a law."""
    options = _options()
    found: dict[str, tuple[int, Violation]] = {}
    counts: dict[str, int] = {}
    began, last = time.perf_counter(), options.seed + options.histories
    drawn = draw_shared if options.shared else draw
    # Each such lapse of a lease is logged, and there are thousands.
    logging.disable(logging.CRITICAL)
    with ProcessPoolExecutor(options.processes) as pool:
        starts = range(options.seed, last, CHUNK)
        for start, broken in zip(starts, pool.map(partial(_play, drawn, last, options.law), starts), strict=True):
            for seed, violation in broken:
                if violation.name not in found:
                    print(f"seed {seed}: {violation.name}", file=sys.stderr, flush=True)
                found.setdefault(violation.name, (seed, violation))
                counts[violation.name] = counts.get(violation.name, 0) + 1
            played = start - options.seed
            if played and played % TOLD_EVERY == 0:
                # Where to go on with --seed, if it is stopped here.
                print(f"up to seed {start}: {len(found)} situations", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    print(f"{options.histories} histories in {seconds:.1f} s, {options.histories / seconds:.1f} a second\n")
    for name, (seed, violation) in sorted(found.items(), key=lambda item: (len(item[0].split()[0]), item[0])):
        print(f"{name}{' (known)' if is_known(name) else ''}")
        print(f"    in {counts[name]} histories, first in seed {seed}, the {seed - options.seed + 1}th history")
        if options.no_shrink:
            print(f"    {violation.text[:400]}")
            continue
        script = shrink(drawn(seed), name)
        shrunk = next((v for v in violations(play(script)) if v.name == name), violation)
        print(f"    {shrunk.text[:400]}\n\n{show(script)}\n")
    return any(not is_known(name) for name in found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--histories", type=int, default=300, help="how many")
    parser.add_argument("--law", choices={**LAWS, **SHARED}, default="", help="check this law alone")
    parser.add_argument("--shared", action="store_true", help="several processes beside each other, on one journal")
    parser.add_argument("--no-shrink", action="store_true", help="print situations, not scripts")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="that play at a time")
    return parser.parse_args()


def _play(drawn: Callable[[int], Script], last: int, law: str, start: int) -> list[tuple[int, Violation]]:
    """Play some histories; gives the first violation of each situation in each."""
    broken = [
        (seed, each) for seed in range(start, min(start + CHUNK, last)) for each in violations(play(drawn(seed)), law)
    ]
    return list({(seed, each.name): (seed, each) for seed, each in reversed(broken)}.values())[::-1]


if __name__ == "__main__":
    sys.exit(main())
