"""Draws straits, which free draws hardly ever meet: three settings and three acts that must come together.

All other draws are in `draw`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import attrs

from tests.simulation import script as steps
from tests.simulation.script import Script, Step, Wish

STRAITS = 16
"""Of so many scripts each strait of the table below has one, on average; some have none."""
LEARNED_LAST = 3
"""The largest price class, whose price no other class bounds: few scripts have jobs of it."""


@attrs.frozen
class _Given:
    """A script that is to come into a strait, and what is drawn for it."""

    script: Script
    dice: Random
    moments: list[float]
    keys: list[str]

    @property
    def latest(self) -> float:
        """When the last thing happens."""
        return max(self.moments)

    @property
    def afterwards(self) -> float:
        """A moment at which all else is over."""
        return round(self.latest + 400.0, 2)

    def whenever(self) -> float:
        """Draw a moment, often one at which something else happens."""
        return self.dice.choice(self.moments) + self.dice.choice((0.0, 1.0, 25.0, 60.0, self.dice.uniform(0.0, 200.0)))

    def submits(self, count: int, at: Callable[[], float]) -> list[Step]:
        """Draw calls for jobs that the script has."""
        return [
            steps.Submit(at=round(at(), 2), name=f"strait{number}", job=self.dice.choice(self.keys))
            for number in range(count)
        ]

    def with_(self, *acts: Step, wishes: tuple[Wish, ...] = (), **changes: Any) -> Script:
        """Add acts and jobs to the script, and change its settings."""
        script = attrs.evolve(self.script, wishes=(*self.script.wishes, *wishes), **changes)
        return attrs.evolve(script, steps=tuple(sorted((*script.steps, *acts), key=lambda step: step.at)))


_Strait: TypeAlias = Callable[[_Given], Script]


def with_straits(script: Script, dice: Random) -> Script:
    """Bring some scripts into a strait."""
    given = _Given(script, dice, [0.0, *(step.at for step in script.steps)], [wish.key for wish in script.wishes])
    kind = dice.randrange(STRAITS)
    return _TABLE[kind](given) if kind < len(_TABLE) else script


def _no_price_is_named(given: _Given) -> Script:
    """The vendor names no price, and the same jobs are asked for again and again, also after their ends."""
    dice = given.dice
    acts = given.submits(dice.randint(2, 8), lambda: dice.uniform(0.0, given.latest + 600.0))
    most = dice.choice((None, None, 30.0))
    budget = dice.choice((42.5, 100.0, 300.0))
    return given.with_(*acts, budget=budget, most_per_job=most, says_price=False, used=None)


def _prices_rise_at_the_one_permit(given: _Given) -> Script:
    """Prices rise, while jobs that have their credits wait for the one permit."""
    dice, prices = given.dice, (60.0, 60.0, 200.0)
    acts: list[Step] = [
        steps.Reprice(at=round(given.whenever(), 2), price_class=dice.randrange(4), price=dice.choice(prices))
        for _ in range(dice.randint(1, 4))
    ]
    acts += given.submits(dice.randint(2, 8), given.whenever)
    budget = dice.choice((42.5, 100.0, 300.0))
    return given.with_(*acts, budget=budget, most_per_job=None, submits=dice.choice((1, 1, 2)))


def _holders_of_credits_leave(given: _Given) -> Script:
    """Calls wait for credits that others hold, who then leave."""
    dice = given.dice
    runs = [step.name for step in given.script.steps if isinstance(step, steps.Run)]
    acts = [*given.submits(2, given.whenever), steps.Close(at=round(given.whenever(), 2), run=dice.choice(runs))]
    return given.with_(*acts, budget=dice.choice((10.0, 15.0, 24.0)), most_per_job=None)


def _stopped_at_the_one_permit(given: _Given) -> Script:
    """Who stops a job that waits for the one permit asks for it twice more, at once."""
    at, dice = given.afterwards, given.dice
    job = dice.choice(given.keys)
    return given.with_(
        steps.Submit(at=at, name="silent", job="strait"),
        steps.Submit(at=at + 1.0, name="stopped", job=job),
        steps.Cancel(at=at + 5.0, call="stopped"),
        steps.Submit(at=at + 5.0, name="next", job=job),
        steps.Submit(at=at + dice.choice((5.0, 6.0, 10.0)), name="last", job=job),
        wishes=(Wish(key="strait", sends=("silent",)),),
        submits=1,
    )


def _cancelled_as_the_permit_comes(given: _Given) -> Script:
    """A permit comes free, a minute after an answer should have come, when the one who waits for it is cancelled."""
    at = given.afterwards
    return given.with_(
        steps.Submit(at=at, name="silent", job="strait"),
        steps.Submit(at=at + 1.0, name="waits", job=given.dice.choice(given.keys)),
        steps.Cancel(at=at + 60.0, call="waits"),
        wishes=(Wish(key="strait", sends=("silent",)),),
        submits=1,
    )


def _doubt_taken_up_and_given_up(given: _Given) -> Script:
    """A doubt of an earlier pool is taken up, to be sent again with the same key, and given up in the same moment."""
    at = given.afterwards
    acts: list[Step] = [steps.Run(at=at, name="doubts", jobs=("strait",)), steps.ClosePool(at=at + 100.0)]
    # Each time some turns of the loop apart, of which few are the right ones.
    for number in range(6):
        acts.append(steps.Run(at=at + 200.0 + number, name=f"gives up {number}", jobs=("strait",)))
        acts.append(steps.Drain(at=at + 200.0 + number, run=f"gives up {number}"))
    return given.with_(*acts, wishes=(Wish(key="strait", sends=("reset_paid", "silent")),), resubmit="same_key")


def _closed_while_ends_are_written(given: _Given) -> Script:
    """The pool closes while one run writes ends down, and another one reads its last job."""
    at, closes_after = given.afterwards, given.dice.choice((34.0, 36.0, 40.0))
    many = tuple(Wish(key=f"strait{number}") for number in range(8))
    return given.with_(
        steps.Run(at=at, name="writes", jobs=tuple(wish.key for wish in many)),
        steps.Run(at=at + closes_after - 1.0, name="reads", jobs=("strait",), gap=1.2),
        steps.ClosePool(at=at + closes_after),
        wishes=(*many, Wish(key="strait")),
        slow_disk=True,
    )


def _settled_while_it_waits(given: _Given) -> Script:
    """A doubt of an earlier pool waits for the one permit, to be sent again with the same key, and is settled."""
    at, dice = given.afterwards, given.dice
    again = round(at + 200.0, 2)
    return given.with_(
        steps.Run(at=at, name="doubts", jobs=("strait",)),
        steps.ClosePool(at=at + 100.0),
        steps.Submit(at=again, name="silent", job="permit"),
        steps.Run(at=again + dice.choice((0.0, 1.0, 2.0)), name="takes up", jobs=("strait",)),
        steps.Settle(at=again + dice.choice((2.0, 5.0, 30.0)), job="strait", how=dice.choice(("abandon", "resubmit"))),
        wishes=(
            Wish(key="strait", sends=(dice.choice(("reset", "reset_paid")), "silent")),
            Wish(key="permit", sends=("silent",)),
        ),
        resubmit="same_key",
        submits=1,
    )


def _prices_rise_amid_doubts(given: _Given) -> Script:
    """Jobs of one class want credits at once; some end in doubt, and their price rises while others wait."""
    dice, at = given.dice, round(given.dice.choice((0.0, 0.0, given.whenever(), given.afterwards)), 2)
    replies = ((), (), ("500_paid",), ("silent",), ("429_20",))
    wishes = tuple(
        Wish(key=f"strait{number}", price_class=LEARNED_LAST, sends=dice.choice(replies))
        for number in range(dice.randint(2, 5))
    )
    acts: list[Step] = [
        steps.Submit(at=round(at + dice.choice((1.0, 1.0, 2.0, 30.0)), 2), name=f"call {wish.key}", job=wish.key)
        for wish in wishes
    ]
    price = dice.choice((10.0, 60.0, 95.0))
    acts.append(steps.Reprice(at=at, price_class=LEARNED_LAST, price=price))
    if dice.random() < 0.6:
        later = round(at + dice.choice((5.0, 10.0, 40.0, 65.0)), 2)
        acts.append(steps.Reprice(at=later, price_class=LEARNED_LAST, price=price * dice.choice((1.5, 6.0))))
    # What a process knows of prices when it is killed no law can tell, nor what a second budget has.
    script = attrs.evolve(
        given.script,
        steps=tuple(step for step in given.script.steps if not isinstance(step, steps.Crash | steps.Twin)),
    )
    return attrs.evolve(given, script=script).with_(
        *acts,
        wishes=wishes,
        budget=price * dice.choice((1.0, 1.5, 2.2, 3.5)),
        most_per_job=None,
        submits=dice.choice((1, 1, 2)),
        slow_disk=False,
        resubmit="if_undelivered",
        says_price=True,
    )


def _doubt_at_a_risen_price(given: _Given) -> Script:
    """The price of a class is known and believed when it rises: a doubt meets the new one, then a job names it."""
    dice = given.dice
    at, price, rise = given.afterwards, dice.choice((10.0, 95.0)), dice.choice((1.5, 6.0))
    return given.with_(
        steps.Reprice(at=at, price_class=LEARNED_LAST, price=price),
        steps.Run(at=at, name="before", jobs=("strait0",)),
        steps.Reprice(at=at + 60.0, price_class=LEARNED_LAST, price=price * rise),
        steps.Run(at=at + 70.0, name="doubt", jobs=("strait1",)),
        steps.Run(at=at + 70.0 + dice.choice((1.0, 30.0)), name="after", jobs=("strait2",)),
        wishes=tuple(
            Wish(key=f"strait{number}", price_class=LEARNED_LAST, sends=sends)
            for number, sends in enumerate([(), (dice.choice(("500_paid", "reset_paid")),), ()])
        ),
        budget=(given.script.budget or 0.0) + price * (1 + 2 * rise) * dice.choice((1.0, 3.0)),
        most_per_job=None,
        resubmit="if_undelivered",
    )


_TABLE: tuple[_Strait, ...] = (
    _no_price_is_named,
    _prices_rise_at_the_one_permit,
    _holders_of_credits_leave,
    _stopped_at_the_one_permit,
    _cancelled_as_the_permit_comes,
    _doubt_taken_up_and_given_up,
    _closed_while_ends_are_written,
    _settled_while_it_waits,
    # Most of the faults of a budget need one of these.
    _prices_rise_at_the_one_permit,
    _prices_rise_amid_doubts,
    _prices_rise_amid_doubts,
    _doubt_at_a_risen_price,
)
