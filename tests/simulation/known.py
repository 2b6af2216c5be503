"""What the core is known to do wrong, each with the shortest script that shows it.

A pattern names situations, with `*` for any text. Tests skip what a pattern names, and hold everything else. An entry
goes when its fault is mended: a test finds out.
"""

from __future__ import annotations

from fnmatch import fnmatch

import attrs

from tests.simulation.script import (
    ClosePool,
    Crash,
    Generate,
    Run,
    Script,
    Submit,
    Wait,
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

KNOWN = (
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="`wait(timeout)` sends no second poll while its first is unanswered, here for more than the time-out.",
        script=Script(
            salt=982836,
            wishes=(Wish(key="j40", life=5.0),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j40",)),
                Wait(at=1.0, name="wait2", job="j40", timeout=20.0),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: ConfigurationError with may_resubmit, told of a paid job",
        why="A call that begins while the pool closes does not look whether its job is paid.",
        script=Script(
            salt=2,
            in_flight=1,
            wishes=(
                Wish(key="j2"),
                Wish(key="j7"),
                Wish(key="j8", life=120.0),
                Wish(key="j9"),
                Wish(key="j13", life=120.0),
                Wish(key="j18"),
            ),
            steps=(
                Run(at=81.0, name="retry11", jobs=("j13", "j7", "j2", "j8", "j18", "j9")),
                Run(at=389.0, name="retry1", jobs=("j7", "j18", "j2")),
                Run(at=389.0, name="retry10", jobs=("j18", "j2", "j8")),
                Submit(at=549.64, name="submit0", job="j2"),
                ClosePool(at=549.64),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="A job of unknown price waits for the learner of its class. If nobody waits for that one, it is refused"
        " after a moment, although a second learner would be allowed.",
        script=Script(
            budget=300.0,
            says_price=False,
            wishes=(Wish(key="j1"), Wish(key="j9")),
            steps=(Run(at=0.0, name="run0", jobs=("j1",)), Submit(at=0.0, name="submit0", job="j9")),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though credits may come free",
        why="Credits held for a task of an earlier process come free only when somebody waits for that task.",
        script=Script(
            journal="file",
            budget=10.0,
            wishes=(Wish(key="j4"), Wish(key="j7")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j7",)),
                Crash(at=2.0),
                Run(at=310.0, name="rerun", jobs=("j4",)),
            ),
        ),
    ),
    Known(
        pattern="5 told once: JobEnded more than once",
        why="A job whose doubt is being sent again has no task id yet; who waits for its task by the id has no job, and"
        " both ends are told.",
        script=Script(
            resubmit="same_key",
            in_flight=1,
            wishes=(
                Wish(key="j0", sends=("503_code_paid", "422")),
                Wish(key="j3"),
                Wish(key="j4", life=120.0),
            ),
            steps=(
                Generate(at=14.0, name="generate0", job="j0"),
                Run(at=150.0, name="retry1", jobs=("j3", "j4", "j0")),
                Wait(at=275.0, name="wait2", job="j0"),
            ),
        ),
    ),
)


def is_known(name: str) -> bool:
    """Tell whether a violation has a place in the table."""
    return any(fnmatch(name, known.pattern) for known in KNOWN)
