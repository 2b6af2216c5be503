"""Play many histories and print what breaks the laws: `python -m tests.simulation --seed 1 --histories 1000`."""

# ruff: noqa: T201  # it is a program, and prints

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.draw import draw
from tests.simulation.known import is_known
from tests.simulation.laws import LAWS, violations
from tests.simulation.play import play
from tests.simulation.script import show
from tests.simulation.shrink import shrink
from tests.simulation.violation import Violation


def main() -> int:
    """Play, shrink the first history of each situation, and print; returns 1 if anything unknown broke a law."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--histories", type=int, default=300, help="how many")
    parser.add_argument("--law", choices=LAWS, default="", help="check this law alone")
    parser.add_argument("--no-shrink", action="store_true", help="print situations, not scripts")
    options = parser.parse_args()
    found: dict[str, tuple[int, Violation]] = {}
    counts: dict[str, int] = {}
    began = time.perf_counter()
    for seed in range(options.seed, options.seed + options.histories):
        for violation in violations(play(draw(seed)), options.law):
            found.setdefault(violation.name, (seed, violation))
            counts[violation.name] = counts.get(violation.name, 0) + 1
    seconds = time.perf_counter() - began
    print(f"{options.histories} histories in {seconds:.1f} s, {options.histories / seconds:.1f} a second\n")
    for name, (seed, violation) in sorted(found.items(), key=lambda item: (len(item[0].split()[0]), item[0])):
        print(f"{name}{' (known)' if is_known(name) else ''}")
        print(f"    in {counts[name]} histories, first in seed {seed}, the {seed - options.seed + 1}th history")
        if options.no_shrink:
            print(f"    {violation.text[:400]}")
            continue
        script = shrink(draw(seed), name)
        shrunk = next((v for v in violations(play(script)) if v.name == name), violation)
        print(f"    {shrunk.text[:400]}\n\n{show(script)}\n")
    return any(not is_known(name) for name in found)


if __name__ == "__main__":
    sys.exit(main())
