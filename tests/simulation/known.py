"""What the core is known to do wrong, each with the shortest script that shows it.

A pattern names situations, with `*` for any text. Tests skip what a pattern names, and hold everything else. An entry
goes when its fault is mended: a test finds out.
"""

from __future__ import annotations

from fnmatch import fnmatch

import attrs

from tests.simulation.script import (
    Run,
    Script,
    Wish,
)


@attrs.frozen(kw_only=True)
class Known:
    """A fault.

    Attributes:
        pattern: Of the situations in which it breaks a law.
        why: What is wrong.
        script: The shortest history found.
    """

    pattern: str
    why: str
    script: Script


A, B = Wish(key="a"), Wish(key="b")
RUN_A = Run(at=0.0, name="run", jobs=("a",))

KNOWN: tuple[Known, ...] = ()


def is_known(name: str) -> bool:
    """Tell whether a violation has a place in the table."""
    return any(fnmatch(name, known.pattern) for known in KNOWN)
