"""Why a goal is missed, where it is: what the measured step takes when it is taken apart, in the same way, by hand.

A row that is measured may bring a reason of its own, with figures of that run; these are for the others.
"""

from __future__ import annotations

WHY = {
    "one look, pool.poll / bare GET": (
        "Taken apart, on one core: a bare GET with its JSON 88 us, our transport 88, with the request made and the"
        " answer read into a checked value 109, with permits, journal and pool around it 119."
    ),
    "engine, one task a request / bare GET": (
        "To pool.poll are added the hazard model's next look, the calendar, and the task's watchers: 34 us on one core."
    ),
    "engine, up to 50 tasks a request / bare GET": (
        "By a profile, a third of it is reading a row into a checked value, a third the next look, a tenth the"
        " calendar."
    ),
    "engine, up to 50 tasks a request / the best of them": "As beside the bare GET.",
    "pool.poll / openai": "One request each: what there is to save is in reading many at once.",
    "one job through run, journal in memory / bare POST": (
        "No step stands out. In instructions, a third of it is the submit beyond its POST: permits, credits, two"
        " journal entries, an asyncio task. A quarter is what ends a job: two rows of batches, the durations learned,"
        " a second asyncio task, the outcome's queue. A tenth is making and dumping the parameters."
    ),
    "one job through run, journal in a file / bare POST": (
        "The same, and three durable writes through a thread, many jobs to a commit."
    ),
    "one submit, journal in a file / in memory": "Two durable writes through a thread, many submits to a commit.",
    "a finished job of": (
        "By a profile, more than a third is reading the row into an outcome, a fifth the digest of the parameters, by"
        " which a conflict is found, and the rest the permits and queues of the run."
    ),
    "import evolink_async / import aiohttp": (
        "Beyond aiohttp there are 130 ms. Half of them are attrs making 143 classes, models, events and errors among"
        " them; the rest is reading 209 modules. aiohttp's own import has become twice as quick since the goal was set."
    ),
    "evolink-async --help / import aiohttp": (
        "Beyond the package: rich takes 120 ms and cyclopts 100 (under -X importtime, which slows all of it down)."
    ),
    "200 videos, polls": (
        "A status request is filled up with the tasks that are due next, so each task is asked for more often than"
        " every 5 s, in a tenth of the requests. That buys the short lag. Cadence(look_price=5) bought less of it: 19"
        " polls in 0.5 requests a video, a median lag of 1.3 s, 95 of 100 within 8.5 s."
    ),
    "200 videos, CPU": (
        "Beyond the submit, which is validated and written down, it is the polls: more of them than the loop makes,"
        " each checked. With Cadence(look_price=5) it was half as much."
    ),
    "200 videos, bytes": (
        "Nearly all of them are answers about tasks that go on, 240 bytes for each poll. With Cadence(look_price=5) it"
        " was a third."
    ),
    "20,000 in flight: p99 of a turn": (
        "Sometimes: the phase has few turns when jobs begin to end early, and p99 is then its slowest but one. Runs"
        " with more of them showed 1.6 to 1.8 ms."
    ),
    "100,000 in flight: memory a job": (
        "Of 940 bytes that tracemalloc finds, 224 are the calendar's entry, 170 its times and numbers, 290 the memory"
        " journal's record and its places in two dictionaries, without which a key given twice would be paid twice; 250"
        " are keys, task ids and dictionaries that find them. The goal was set on entry and calendar alone."
    ),
}


def why(what: str) -> str:
    """The reason that belongs to a row, by how its name begins."""
    name = what.strip()
    return next((reason for begin, reason in WHY.items() if name.startswith(begin)), "")
