"""Makes a failing script short: steps, jobs and settings are taken away for as long as it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from tests.simulation.laws import violations
from tests.simulation.play import play
from tests.simulation.script import Script, Step, Wish

MOST_PLAYS = 600


def shrink(script: Script, name: str, most_plays: int = MOST_PLAYS) -> Script:
    """Return a shorter script that breaks the same law in the same situation.

    Args:
        script: One that does.
        name: Of the violation.
        most_plays: Histories played at most.
    """
    law = name.split()[0]
    plays = 0

    def fails(candidate: Script) -> bool:
        nonlocal plays
        plays += 1
        return any(violation.name == name for violation in violations(play(candidate), law))

    # Greedy, from the beginning again after each success: what could not be left out before may be now.
    is_smaller = True
    while is_smaller and plays < most_plays:
        is_smaller = False
        for candidate in _smaller(script):
            if plays >= most_plays:
                break
            if fails(candidate):
                script, is_smaller = candidate, True
                break
    return script


def _smaller(script: Script) -> Iterator[Script]:
    """Make simpler scripts, the boldest first."""
    yield from (_changed(script, steps=rest) for rest in _without_parts(script.steps))
    yield from _without_wishes(script)
    defaults = {field.name: field.default for field in attrs.fields(Script)}
    for name in (
        "salt",
        "slow_disk",
        "most_per_job",
        "budget",
        "poll_trouble",
        "calls_lost",
        "calls",
        "observer_calls_back",
        "observer_raises",
        "sessions",
        "batch",
        "journal",
        "resubmit",
        "rebuy",
        "in_flight",
        "submits",
        "says_price",
        "used",
        "rates",
        "offsets",
        "lease",
        "listens",
        "is_deaf",
        "per_minute",
        "facts",
    ):
        # Several processes need the journal that they share.
        if getattr(script, name) != defaults[name] and not (name == "journal" and script.processes):
            yield _changed(script, **{name: defaults[name]})
    if script.processes > 1:
        yield _changed(script, processes=script.processes - 1)
    # Delays cannot be taken away one by one, but a small salt often draws the few that matter.
    if script.salt > 9:
        yield from (_changed(script, salt=salt) for salt in range(1, 10))
    for place, wish in enumerate(script.wishes):
        yield from (_changed(script, wishes=_with(script.wishes, place, simpler)) for simpler in _simpler(wish))
    for place, step in enumerate(script.steps):
        yield from (_changed(script, steps=_with(script.steps, place, simpler)) for simpler in _simpler(step))


def _without_parts(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Leave out halves, then quarters, ... then single items."""
    size = len(items)
    while size > 1 or (size == 1 and items):
        size = size // 2 if size > 1 else 0
        width = max(size, 1)
        for start in range(0, len(items), width):
            yield (*items[:start], *items[start + width :])
        if width == 1:
            return


def _without_wishes(script: Script) -> Iterator[Script]:
    for rest in _without_parts(script.wishes):
        kept = {wish.key for wish in rest}
        if kept:
            left = tuple(step for step in (_only(step, kept) for step in script.steps) if step is not None)
            yield _changed(script, wishes=rest, steps=left)


def _only(step: Step, kept: set[str]) -> Any:
    """Return a step without the jobs that are left out; None if nothing is left of it."""
    jobs = getattr(step, "jobs", None)
    if jobs is not None:
        left = tuple(job for job in jobs if job in kept)
        return _changed(step, jobs=left) if left else None
    return step if getattr(step, "job", None) in {None, *kept} else None


def _with(items: tuple[Any, ...], place: int, item: Any) -> tuple[Any, ...]:
    return (*items[:place], item, *items[place + 1 :])


def _simpler(value: Wish | Step) -> Iterator[Any]:
    """Make simpler versions of a step or wish: values by default, rounder times, fewer jobs."""
    fields = {field.name: field.default for field in attrs.fields(type(value))}
    for name, default in fields.items():
        given = getattr(value, name)
        if default is not attrs.NOTHING and given != default:
            yield _changed(value, **{name: default})
    rounder: dict[str, Callable[[float], float]] = {
        "at": lambda at: float(round(at)),
        "seconds": lambda at: float(round(at)),
    }
    for name, act in rounder.items():
        if name in fields and act(getattr(value, name)) != getattr(value, name):
            yield _changed(value, **{name: act(getattr(value, name))})
    for name in ("sends", "jobs"):
        given = getattr(value, name, ())
        if len(given) > 1:
            yield from (_changed(value, **{name: rest}) for rest in _without_parts(given) if rest)


def _changed(value: Any, **changes: Any) -> Any:
    return attrs.evolve(value, **changes)
