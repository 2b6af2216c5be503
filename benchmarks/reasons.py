"""Why a goal is missed, where it is: what the measured step takes when it is taken apart, in the same way, by hand.

A row that is measured may bring a reason of its own, with figures of that run; these are for the others.
"""

from __future__ import annotations

WHY = {
    "one look, pool.poll / bare GET": (
        "Taken apart: a bare GET 79 us, our transport 89, with the request made and the answer read 108, with the pool"
        " around it 115. So half of the rest is turning bytes into a checked value, where the bare loop has JSON only."
        " The goal was set where a bare GET took more than twice as long, and what stands beside it did not."
    ),
    "engine, one task a request / bare GET": (
        "To pool.poll are added the calendar, the next look and a hand-over from one worker to the next for each"
        " request: of a vendor as quick as the stub two or three calls are open at once, while the bare loop has 32"
        " and shares its turns among them."
    ),
    "engine, up to 50 tasks a request / bare GET": (
        "Some 7.5 us of it are decoding a row, 2.4 the next look, 0.6 the calendar. In microseconds it is what was"
        " hoped for; the bare GET beside it is quicker than where the goal was set."
    ),
    "engine, up to 50 tasks a request / the best of them": "As beside the bare GET: all of it is quicker, not alike.",
    "pool.poll / openai": "One request each: what there is to save is in reading many at once.",
    "one submit, journal in memory / bare POST": (
        "Taken apart: a bare POST 327 us, our transport 302, with the answer read 347, with the pool around it 551."
        " So 200 us are validation, the body and its digest, the idempotency key, an asyncio task for each submit,"
        " permits, credits and two journal entries."
    ),
    "one submit, journal in a file / bare POST": "The same, and two durable writes through a thread, many to a commit.",
    "one submit, journal in a file / in memory": "Two durable writes through a thread, many submits to a commit.",
    "import evolink_async / import aiohttp": (
        "Beyond aiohttp: 140 ms are our own modules, mostly attrs making classes, all models among them; 90 are"
        " attrs and cattrs (under -X importtime, which slows all of it down)."
    ),
    "evolink-async --help / import aiohttp": (
        "Beyond the package: rich takes 120 ms and cyclopts 100 (under -X importtime, which slows all of it down)."
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
