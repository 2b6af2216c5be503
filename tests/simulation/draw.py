"""Draws scripts: the same seed, the same script.

Each history has some of the features and not others, because one that has everything hides what two of them do
together ("swarm testing", Groce and others, 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.simulation import script as steps
from tests.simulation.features import (
    SHARE,
    with_callbacks,
    with_charged_failures,
    with_failing_observer,
    with_followers,
    with_rebuys,
)
from tests.simulation.script import Script, Step, Wish
from tests.simulation.straits import with_straits
from tests.simulation.vendor import DOUBTS

REFUSALS = ("400", "422", "413_page")
LOADS = ("429", "429_0", "429_20", "429_400", "503_busy")
BROKEN = ("broken",)
TROUBLE = ("undelivered", "403_page", "404_page")
ENDS = ("failed", "cancelled", "canceled", "expired")
OUTAGES = (*DOUBTS, "undelivered", "404_page", "403_page", "429", "429_20", "503_busy")


def draw(seed: int) -> Script:
    """Draw a script."""
    script = _Drawing(Random(f"history {seed}")).script()  # no secret
    script = with_rebuys(with_followers(script, Random(f"followers {seed}")), Random(f"rebuys {seed}"))
    script = with_failing_observer(script, Random(f"failing observer {seed}"))
    script = with_charged_failures(script, Random(f"charged failures {seed}"))
    return with_straits(with_callbacks(script, Random(f"callbacks {seed}")), Random(f"straits {seed}"))


class _Drawing:
    """A script being drawn."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._features: dict[str, bool] = {}
        self._keys: list[str] = []
        self._doubted: list[str] = []
        self._span = 0.0
        self._moments = [0.0]

    def script(self) -> Script:
        """Draw all of it."""
        dice = self._dice
        count = dice.choice((1, 2, 2, 3, 3, 5, 8, 13, 20)) if dice.random() < 0.9 else dice.randint(21, 60)
        self._span = dice.choice((5.0, 60.0, 600.0))
        wishes = tuple(self._wish(f"j{number}") for number in range(count))
        self._keys = [wish.key for wish in wishes]
        self._doubted = [wish.key for wish in wishes if set(wish.sends) & set(DOUBTS)]
        calls = list(self._calls())
        acts = [act for feature in self._acts(calls) for act in feature]
        acts += self._retries(calls, acts)
        budget = dice.choice((10.0, 15.0, 24.0, 42.5, 100.0, 300.0)) if self._has("budget") else None
        return Script(
            salt=dice.randint(1, 10**6) if self._has("delays", 0.85) else 0,
            sessions=dice.choice((1, 1, 2, 3)),
            journal="file" if self._has("file") else "memory",
            slow_disk=self._has("slow disk"),
            budget=budget,
            most_per_job=dice.choice((30.0, 100.0)) if budget is not None and self._has("most per job", 0.3) else None,
            resubmit="same_key" if self._has("same key", 0.2) else "if_undelivered",
            submits=dice.choice((1, 2, 4, 8)),
            in_flight=dice.choice((1, 2, 4, 100)),
            says_price=dice.random() < 0.8,
            used=dice.choice((1.0, 0.8, 0.8, 1.5, None)),
            batch=dice.random() < 0.7,
            poll_trouble=dice.choice((0.02, 0.1, 0.4)) if self._has("poll trouble") else 0.0,
            observer_calls_back=self._has("callbacks", 0.2),
            wishes=wishes,
            steps=tuple(sorted((*calls, *acts), key=lambda step: step.at)),
        )

    def _has(self, feature: str, share: float = SHARE) -> bool:
        if feature not in self._features:
            self._features[feature] = self._dice.random() < share
        return self._features[feature]

    def _at(self) -> float:
        """Draw a moment: often one at which something else happens, sometimes one when all else is over."""
        # Faults of hand-over need two acts within some turns of the loop, which two free draws never give.
        kind = self._dice.random()
        if kind < 0.3:
            return self._dice.choice(self._moments)
        earliest, latest = (0.0, self._span) if kind < 0.8 else (self._span, self._span + 300.0)
        self._moments.append(round(self._dice.uniform(earliest, latest), 2))
        return self._moments[-1]

    def _key(self) -> str:
        """Draw a job, often the first one, so that calls meet."""
        return self._keys[0] if self._dice.random() < 0.4 else self._dice.choice(self._keys)

    def _wish(self, key: str) -> Wish:
        dice = self._dice
        words = [
            word
            for feature, group in (("refusals", REFUSALS), ("loads", LOADS), ("trouble", TROUBLE), ("doubts", DOUBTS))
            if self._has(feature)
            for word in group
        ]
        if self._has("broken", 0.04):
            words += BROKEN
        sends = tuple(dice.choice(words) for _ in range(dice.randint(1, 3))) if words and dice.random() < 0.4 else ()
        end = dice.choice(ENDS if self._has("spellings", 0.1) else ENDS[:2]) if dice.random() < 0.15 else "completed"
        classes = 4 if self._has("many prices") else 1
        life = dice.choice((0.5, 5.0, 20.0, 120.0))
        has_file = self._has("local files", 0.08) and dice.random() < 0.5
        return Wish(key=key, price_class=dice.randrange(classes), sends=sends, life=life, end=end, has_file=has_file)

    def _calls(self) -> Iterator[Step]:
        dice, keys = self._dice, self._keys
        for number in range(dice.choice((1, 1, 1, 2, 3))):
            jobs = tuple(dice.sample(keys, dice.randint(1, len(keys)) if number else len(keys)))
            yield steps.Run(
                at=0.0 if not number else self._at(),
                name=f"run{number}",
                jobs=jobs,
                timeout=dice.choice((1.0, 30.0, 100.0)) if self._has("timeouts") and dice.random() < 0.5 else None,
                leave_after=dice.randint(1, len(jobs)) if self._has("leaving", 0.2) else None,
                pause=dice.choice((0.5, 30.0)) if self._has("pauses") and dice.random() < 0.5 else 0.0,
                gap=dice.choice((0.1, 5.0)) if self._has("slow input") and dice.random() < 0.5 else 0.0,
                idle=dice.choice((0.1, 5.0)) if self._has("idle", 0.1) else 0.0,
                input_fails=dice.choice(("error", "cancelled")) if self._has("failing input", 0.06) else "",
            )
        for kind, make in self._single_calls().items():
            if self._has(kind):
                for number in range(dice.randint(1, 4)):
                    yield make(f"{kind}{number}", self._key())

    def _single_calls(self) -> dict[str, Callable[[str, str], Step]]:
        dice = self._dice

        def timeout() -> float | None:
            return dice.choice((0.5, 20.0)) if dice.random() < 0.2 else None

        return {
            "generate": lambda name, job: steps.Generate(at=self._at(), name=name, job=job, timeout=timeout()),
            "submit": lambda name, job: steps.Submit(at=self._at(), name=name, job=job),
            "wait": lambda name, job: steps.Wait(at=self._at(), name=name, job=job, timeout=timeout()),
            "watch": lambda name, job: steps.Watch(
                at=self._at(),
                name=name,
                job=job,
                leave_after=1 if dice.random() < 0.5 else None,
                closes=dice.random() < 0.6,
            ),
            "poll": lambda name, job: steps.Poll(
                at=self._at(), name=name, job=job, times=dice.randint(1, 8), gap=dice.choice((0.1, 5.0))
            ),
        }

    def _acts(self, calls: list[Step]) -> Iterator[Iterator[Step]]:
        dice = self._dice
        runs = [step.name for step in calls if isinstance(step, steps.Run)]
        names = [step.name for step in calls if hasattr(step, "name")]

        def some(feature: str, make: Callable[[], Step], most: int = 2, share: float = SHARE) -> Iterator[Step]:
            return (make() for _ in range(dice.randint(1, most) if self._has(feature, share) else 0))

        forgotten = list(some("forget", lambda: steps.Forget(at=self._at(), job=self._key()), share=0.1))
        yield iter(forgotten)
        # What needs to be settled: jobs in doubt, and those whose tasks are forgotten.
        troubled = self._doubted + [step.job for step in forgotten if isinstance(step, steps.Forget)] or self._keys
        yield some("drain", lambda: steps.Drain(at=self._at(), run=dice.choice(runs)), 3, 0.2)
        yield some("close", lambda: steps.Close(at=self._at(), run=dice.choice(runs)), share=0.2)
        yield some("cancel", lambda: steps.Cancel(at=self._at(), call=dice.choice(names)), 3, 0.2)
        yield some(
            "retune",
            lambda: steps.Retune(at=self._at(), submits=dice.randint(1, 8), in_flight=dice.choice((1, 3, 100))),
            share=0.15,
        )
        yield some("hint", lambda: steps.Hint(at=self._at(), job=self._key()), 4, 0.2)
        yield some(
            "settle",
            lambda: steps.Settle(
                at=self._at(),
                job=dice.choice(troubled),
                how=dice.choice(("dashboard", "dashboard", "abandon", "resubmit")),
            ),
            4,
            0.3,
        )
        yield some(
            "twin",
            lambda: steps.Twin(at=self._at(), name="twin", jobs=tuple(dice.sample(self._keys, len(self._keys)))),
            most=1,
            share=0.05,
        )
        yield some("close pool", lambda: steps.ClosePool(at=self._at()), 1, 0.15)
        yield some("crash", lambda: steps.Crash(at=self._at()), 2, 0.2)
        yield some(
            "outage",
            lambda: steps.Outage(
                at=self._at(),
                seconds=dice.choice((10.0, 200.0, 1000.0)),
                reply=dice.choice(OUTAGES),
                reads=dice.random() < 0.4,
            ),
            share=0.25,
        )
        yield some(
            "revoke",
            lambda: steps.Revoke(
                at=self._at(),
                session=0,
                seconds=dice.choice((20.0, 400.0)),
                reply=dice.choice(("401", "402", "403_key", "403_model")),
            ),
            share=0.15,
        )
        yield some(
            "reprice",
            lambda: steps.Reprice(at=self._at(), price_class=dice.randrange(4), price=dice.choice((5.0, 60.0, 200.0))),
            share=0.15,
        )

    def _retries(self, calls: list[Step], acts: list[Step]) -> Iterator[Step]:
        """Users run jobs again: after a crash or a close all of them, after a stop or a settle often, and at once."""
        dice = self._dice
        jobs_of = {step.name: step.jobs for step in calls if isinstance(step, steps.Run)}
        if any(isinstance(step, steps.Crash | steps.ClosePool) for step in acts):
            yield steps.Run(at=round(self._span + 305, 2), name="rerun", jobs=tuple(self._keys))
        for number, act in enumerate(acts):
            if isinstance(act, steps.Drain | steps.Close | steps.Cancel) and dice.random() < 0.5:
                jobs = jobs_of.get(act.call if isinstance(act, steps.Cancel) else act.run, tuple(self._keys))
                yield steps.Run(at=act.at, name=f"retry{number}", jobs=tuple(dice.sample(jobs, len(jobs))))
            if isinstance(act, steps.Drain) and dice.random() < 0.4:
                # Who presses Ctrl-C once more drains once more.
                yield steps.Drain(at=round(act.at + dice.choice((0.0, 0.5, 2.0)), 2), run=act.run)
            if isinstance(act, steps.Settle) and dice.random() < 0.5:
                yield steps.Run(at=round(act.at + 10.0, 2), name=f"retry{number}", jobs=tuple(self._keys))
