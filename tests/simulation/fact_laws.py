"""The laws of what processes over one journal share: a rate for each key, the brake of an outage, suspended keys.

Each is bounded by what is stated in `docs/howto/processes.md`, and by how slow the server of the history is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.order import PASSING_ERRORS
from tests.simulation.trace import (
    Acted,
    Answered,
    Checked,
    Complained,
    Heard,
    Judged,
    Lapsed,
    Leased,
    Lent,
    Placed,
    Posted,
    Published,
    Stood,
    Told,
    Tried,
    Turned,
)
from tests.simulation.vendor import DOUBTS
from tests.simulation.violation import Violation

WINDOWS = (10.0, 60.0, 300.0)
"""Seconds over which requests are counted."""
LATE = 1.0
"""Seconds by which a slot may be used late: a quarter that the server lends, one that its process uses, and turns."""
CHUNK = 0.5
"""Seconds of slots that a process is lent at once."""
DRIFT = 0.1
"""By which clocks do not run alike."""
SLOWEST = 10.0
"""Seconds for which a statement is under way at most, with its answer."""
SPREAD = 10.0 + 6 * SLOWEST
"""Seconds after which all have heard: a look without a notification, and statements before it."""
PLACE = 10.0
"""Seconds for which a process has the place of the one that tries, unless it keeps it."""
BEFORE = 2
"""Jobs of each process in trouble before it has heard, beside those under way."""
TRIALS = 5
FORGOTTEN = 500.0
"""Seconds, with some to spare, after which a pool that opens forgets an outage of which nobody tells."""
PATIENCE = 300.0
ROUNDING = 1e-6


def rate_kept(history: History) -> Iterator[Violation]:
    """In no window more slots are used than the rate has, but for what is stated; no POST begins without a slot."""
    law, rate = "20 one rate", history.script.per_minute
    if rate is None or not history.script.facts:
        return
    turns = defaultdict[int, list[Turned]](list)
    left, lent = Counter[tuple[int, int]](), list(history.trace.of(Lent))
    for entry in history.trace.entries:
        if isinstance(entry, Turned):
            left[entry.process, entry.session] += 1
            if not entry.is_blind:
                turns[entry.session].append(entry)
        elif isinstance(entry, Posted):
            left[entry.process, entry.session] -= 1
            if left[entry.process, entry.session] < 0:
                yield Violation(law, "a POST without a slot", f"{entry}")
    asleep = _asleep(history)
    for session, of_session in turns.items():
        chunks = [chunk for chunk in lent if chunk.session == session]
        for seconds in WINDOWS:
            first = 0
            for last, turn in enumerate(of_session):
                while of_session[first].at < turn.at - seconds:
                    first += 1
                used, most = last - first + 1, 1 + (seconds + LATE) * rate / 60
                if used > most and used > (most := most + _extra(chunks, asleep, of_session[first].at, turn.at)):
                    text = f"key {session}: {used} in {seconds:g} s until {turn.at}, at most {most:.2f}"
                    yield Violation(law, "more requests than the rate", text)
                    break


def _extra(chunks: list[Lent], asleep: dict[int, float], begin: float, end: float) -> float:
    """Return how many slots may be used late in a window: of each process those of one chunk, as far as it was late."""
    late = defaultdict[int, float](float)
    for chunk in chunks:
        until = chunk.at + max(chunk.delay, 0.0) * (1 + DRIFT) + chunk.count * chunk.gap + LATE
        if chunk.at <= end and until + asleep.get(chunk.process, 0.0) >= begin:
            drift = DRIFT * (max(chunk.delay, 0.0) + chunk.count * chunk.gap)
            seconds = chunk.lag + drift + asleep.get(chunk.process, 0.0)
            late[chunk.process] = max(late[chunk.process], min(float(chunk.count), seconds / chunk.gap))
    return sum(late.values())


def _asleep(history: History) -> dict[int, float]:
    """Return for how long each process was on a machine that slept: its clock stood still."""
    seconds = defaultdict[int, float](float)
    stops = {repr(step): step for step in history.script.steps if isinstance(step, steps.Stop) and step.sleeps}
    for entry in history.trace.of(Acted):
        if entry.text in stops:
            seconds[entry.process] += stops[entry.text].seconds
    return seconds


def outage_bounded(history: History) -> Iterator[Violation]:
    """The doubts of one outage over all processes, and who may try the service."""
    law = "21 one outage"
    if not history.script.facts:
        return
    yield from outage_heeded(history)
    # One that was withdrawn before its first byte, as its process had no lease any more, has tried nothing.
    sent = {entry.number for entry in history.trace.of(Leased)}
    tried = [entry for entry in history.trace.of(Tried) if entry.number in sent]
    for place in history.trace.of(Placed):
        if not place.has_lease:
            yield Violation(law, "a place for a process whose lease is over", f"{place}")
    lapsed = [(entry.process, entry.at) for entry in history.trace.of(Lapsed)]
    for entry in tried:
        # A new lease has no places, which its process learns at its next look.
        if any(process == entry.process and 0 <= entry.at - at <= 2 * SLOWEST for process, at in lapsed):
            continue
        if not entry.has_place and entry.ago <= PLACE - ROUNDING:
            yield Violation(law, "a trial of a process that has left its place", f"{entry}")
        elif not entry.has_place and entry.ago == float("inf"):
            yield Violation(law, "a trial of a process that never had the place", f"{entry}")
    outages = [step for step in history.script.steps if isinstance(step, steps.Outage) and step.reply in DOUBTS]
    judged = list(history.trace.of(Judged))
    crashes = [entry.at for entry in history.trace.of(Acted) if entry.text.startswith(("Crash", "ClosePool"))]
    for step in outages:
        end = step.at + step.seconds
        during = [entry for entry in judged if step.at <= entry.at <= end and entry.word == step.reply]
        processes = {entry.process for entry in during}
        # A trial whose process dies is counted by nobody; one that stood still may try beside another one.
        uncounted = sum(step.at <= at <= end for at in crashes)
        beside = sum(step.at - SLOWEST <= entry.at <= end and not entry.has_place for entry in tried)
        again = int(step.seconds // PATIENCE)
        most = len(processes) * (history.script.submits + BEFORE) + TRIALS + uncounted + beside + again
        doubts = len({entry.job for entry in during})
        if doubts > most:
            text = f"{doubts} jobs of {len(processes)} processes, at most {most}: {step}"
            yield Violation(law, "an outage leaves many in doubt", text)


def heeded(history: History) -> Iterator[Violation]:
    """Who has heard that a key is suspended, or is to wait, sends nothing with it before it has looked or waited."""
    law, suspended, until = "22 heeded", dict[tuple[int, int], Heard](), dict[tuple[int, int], tuple[float, Heard]]()
    if not history.script.facts:
        return
    known, fastest = set[tuple[int, str, int]](), max((1.0, *history.script.rates))
    for entry in history.trace.entries:
        if isinstance(entry, Published):
            # What it has told itself it does not hear.
            known.add((entry.process, entry.scope, entry.version))
        elif isinstance(entry, Heard) and entry.session >= 0:
            key, version = (entry.process, entry.session), (entry.process, entry.scope, entry.version)
            if version in known:
                continue
            known.add(version)
            if entry.is_suspended:
                suspended[key] = entry
            else:
                suspended.pop(key, None)
            if entry.waits:
                ends = entry.at + entry.waits / fastest
                until[key] = max(until.get(key, (0.0, entry)), (ends, entry), key=lambda one: one[0])
        elif isinstance(entry, Checked) and entry.is_well:
            suspended.pop((entry.process, entry.session), None)
        elif isinstance(entry, Posted):
            key = entry.process, entry.session
            if key in suspended:
                yield Violation(law, "a POST with a key that others were refused", f"{suspended[key]}\n    {entry}")
            if key in until and entry.at < until[key][0] - ROUNDING:
                yield Violation(
                    law, "a POST before the time that another was asked for", f"{until[key][1]}\n    {entry}"
                )


def outage_heeded(history: History) -> Iterator[Violation]:
    """Who has heard of an outage sends nothing but trials, until it is over for it."""
    law, closed = "21 one outage", dict[int, Heard]()
    trials, accepted_in_a_row = {entry.number for entry in history.trace.of(Tried)}, 0
    known = dict[tuple[int, str], int]()
    for entry in history.trace.entries:
        if isinstance(entry, Published) and entry.scope.startswith("outage"):
            known[entry.process, entry.scope] = entry.version
            closed.pop(entry.process, None)  # what it tells itself it has seen
        elif isinstance(entry, Heard) and entry.scope.startswith("outage"):
            place = entry.process, entry.scope
            is_news, known[place] = entry.version > known.get(place, 0), max(entry.version, known.get(place, 0))
            if is_news and entry.is_closed and entry.age < FORGOTTEN:
                closed[entry.process] = entry
            elif is_news and not entry.is_closed:
                closed.pop(entry.process, None)
        elif isinstance(entry, Answered) and entry.word == "accept":
            accepted_in_a_row += 1
            # What it has found out itself holds before it is told.
            if accepted_in_a_row >= history.script.submits:
                closed.pop(entry.process, None)
        elif isinstance(entry, Answered) and entry.number in trials:
            accepted_in_a_row = 0
        elif isinstance(entry, Posted) and entry.process in closed and entry.number not in trials:
            yield Violation(law, "a POST of a process that has heard of it", f"{closed[entry.process]}\n    {entry}")


def spread(history: History) -> Iterator[Violation]:
    """What one tells all others hear, unless they or the server are disturbed."""
    law = "23 all hear"
    if not history.script.facts:
        return
    heard = defaultdict[tuple[int, str], list[Heard]](list)
    for entry in history.trace.of(Heard):
        heard[entry.process, entry.scope].append(entry)
    disturbed, whole = defaultdict[int, list[float]](list), list[tuple[float, float]]()
    texts = {repr(step): step for step in history.script.steps}
    for act in history.trace.of(Acted):
        step = texts[act.text]
        if isinstance(step, steps.Restart):
            whole.append((act.at, act.at + step.seconds))
        elif isinstance(step, steps.Stop | steps.Cut | steps.Crash | steps.ClosePool):
            disturbed[act.process] += [act.at, act.at + getattr(step, "seconds", 0.0)]
    lives = {(entry.process, entry.scope) for entry in history.trace.of(Heard)}
    ends = {entry.process: entry.at for entry in history.trace.of(Stood)}
    # Where the server was away, its number stays that of the process with the closed pool.
    closings = [act for act in history.trace.of(Acted) if act.text.startswith("ClosePool")]
    ends |= {act.process: min(act.at, ends.get(act.process, act.at)) for act in closings}
    opened = {place: entries[0].at for place, entries in heard.items()}
    for told in history.trace.of(Published):
        by = told.at + SPREAD
        if any(begin <= by and end >= told.at for begin, end in whole):
            continue
        for process, scope in sorted(lives):
            place = process, scope
            moments = disturbed.get(process, [])
            is_disturbed = bool(moments) and min(moments) <= by and max(moments) + SPREAD >= told.at
            is_there = scope == told.scope and opened[place] <= told.at and ends.get(process, 0.0) > by
            if not is_there or is_disturbed or process == told.process:
                continue
            if not any(entry.version >= told.version and entry.at <= by for entry in heard[place]):
                yield Violation(law, "a process does not hear what others tell", f"{told}\n    {process}")


def go_on(history: History) -> Iterator[Violation]:
    """When the service is well again, a job of each process is bought."""
    law = "24 all go on"
    last = dict[int, Told]()
    for entry in history.trace.of(Told):
        if entry.call.startswith("after"):
            last[entry.process] = entry
    for entry in last.values():
        # That a key may not use a model holds until a person says otherwise.
        if entry.kind == "failed" and entry.error in PASSING_ERRORS and "key_model_not_allowed" not in entry.text:
            yield Violation(law, f"a job of a process that waits for ever: {entry.error}", f"{entry}")
    for complaint in history.trace.of(Complained):
        if complaint.call.startswith("after"):
            yield Violation(law, "a job of a process never ends", f"{complaint}")


LAWS: dict[str, Callable[[History], Iterator[Violation]]] = {
    "20": rate_kept,
    "21": outage_bounded,
    "22": heeded,
    "23": spread,
    "24": go_on,
}
