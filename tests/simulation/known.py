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
    Outage,
    Revoke,
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
        pattern="10 outages bounded: an outage leaves many in doubt",
        why="After a doubt one job at a time takes the same risk, with no end.",
        script=Script(
            wishes=tuple(Wish(key=f"j{number}") for number in range(13)),
            steps=(
                Outage(at=0.0, seconds=1000.0, reply="502_page"),
                Run(at=1.0, name="run", jobs=tuple(f"j{number}" for number in range(13))),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: a refused key is asked again and again",
        why="With `same_key` every call sends a doubt again to the key it was sent with, also when that is suspended.",
        script=Script(
            resubmit="same_key",
            wishes=(Wish(key="a", sends=("silent_paid",)),),
            steps=(
                RUN_A,
                Revoke(at=30.0, session=0, seconds=1000.0),
                *(Run(at=100.0 + number, name=f"again{number}", jobs=("a",)) for number in range(9)),
            ),
        ),
    ),
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
        pattern="1 one outcome: a page's refusal of a POST taken for the vendor's",
        why="A balancer's 403 page is sent again within patience. A job that nobody wants any more, or that has no"
        " patience left, is told the page's refusal under the name of the vendor's.",
        script=Script(
            salt=7,
            wishes=(Wish(key="j0", sends=("broken",)), Wish(key="j2", sends=("undelivered", "403_page", "403_page"))),
            steps=(Run(at=0.0, name="run0", jobs=("j2", "j0"), gap=5.0),),
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
    Known(
        pattern="6 no unwanted POST: a POST before the time asked for",
        why="What a service has asked is not remembered over a crash, and the first jobs of the next process go out"
        " together.",
        script=Script(
            salt=5,
            slow_disk=True,
            wishes=(Wish(key="j6", sends=("499_paid", "429_400")), Wish(key="j8")),
            steps=(
                Run(at=0.0, name="run2", jobs=("j6",)),
                Crash(at=221.0),
                Run(at=365.0, name="rerun", jobs=("j6", "j8")),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's refusal fails a job that another key may buy",
        why="A key that has asked for a long wait is out for that time; when the other key is revoked meanwhile, the"
        " job is refused and not kept until the first comes back.",
        script=Script(
            sessions=2,
            wishes=(Wish(key="j8"), Wish(key="j12"), Wish(key="j14", sends=("429_400",))),
            steps=(
                Run(at=10.0, name="retry4", jobs=("j12", "j14")),
                Revoke(at=52.0, session=0, seconds=20.0),
                Submit(at=53.0, name="submit1", job="j8"),
            ),
        ),
    ),
)


def is_known(name: str) -> bool:
    """Tell whether a violation has a place in the table."""
    return any(fnmatch(name, known.pattern) for known in KNOWN)
