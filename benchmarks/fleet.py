"""`python -m benchmarks.fleet`: a thousand workers with one API key, on virtual time and without a socket.

The pools are the real ones: their schedule, brake, slots and queues. The account and the server of the journal are in
memory, so nothing here is timed: the figures are the same on every machine, and follow from the seed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from .fleet_journal import ServerCosts
from .fleet_run import Fleet, Plan, simulate
from .service import most_within

WAITS_FOR_NOBODY = ("intent", "task")
"""Statements of jobs, which the page reckons with already."""


def told(words: str) -> Any:
    """Make a field with what its figure is, in words."""
    return attrs.field(metadata={"words": words})


@attrs.frozen(kw_only=True)
class Steady:
    """Good times: whether the rate is used, kept and shared."""

    share: float = told("share of the rate that was used")
    refused: float = told("share of paid requests refused (429)")
    most: float = told("most accepted in any 60 s, of those allowed")
    slowest: float = told("the slowest worker's jobs / the mean")
    fastest: float = told("the fastest worker's jobs / the mean")
    chunk: float = told("slots lent at once, mean")
    lends: float = told("requests for slots a second")
    waits: float = told("  each waited for the row, s, median")
    others: float = told("other requests to the journal for facts, a second")


@attrs.frozen(kw_only=True)
class Polls:
    """Good times: what is asked for a video, and how late its end is seen."""

    requests: float = told("status requests a video")
    rows: float = told("tasks in a status request, mean")
    lag_p50: float = told("lag of a video's end, s, p50")
    lag_p95: float = told("  p95")
    mean: float = told("status requests that the account sees a second")
    peak: float = told("  in the busiest second")


@attrs.frozen(kw_only=True)
class Outage:
    """The service is away, and comes back."""

    tried: float = told("paid requests while the service is away")
    doubts: float = told("jobs in doubt")
    most_open: float = told("most paid requests under way at once")
    halted: float = told("s from its beginning until all workers have stopped")
    first: float = told("s from its end to the first acceptance")
    resumed: float = told("s from its end until all workers may send")
    all_back: float = told("s from its end until each had a job accepted")
    posts: float = told("paid requests in the busiest second after it")
    status: float = told("status requests in the busiest second after it")
    facts: float = told("requests to the journal for facts, a second, mean")
    facts_peak: float = told("  in the busiest second")
    gave_up: float = told("workers whose run ended with OutageError")


def steady(fleet: Fleet) -> Steady:
    """Look at good times."""
    plan, begins, ends = fleet.plan, fleet.began, fleet.out[0]
    accepted = [(at, worker) for at, worker in fleet.account.accepted if begins <= at < ends]
    jobs = Counter(worker for _, worker in accepted)
    mean = len(accepted) / plan.workers
    chunks = sum((one.journal.facts.chunks for one in fleet.workers if one.journal is not None), Counter[int]())
    facts = _statements(fleet, begins, ends)
    lends = facts.pop("lend", Counter[int]()).total()
    return Steady(
        share=len(accepted) / (plan.per_minute / 60 * plan.steady),
        refused=_within(fleet.account.refused, begins, ends) / _within(fleet.account.posts, begins, ends),
        most=most_within(array("d", (at for at, _ in accepted)), 60.0) / plan.per_minute,
        slowest=min(jobs[number] for number in range(plan.workers)) / mean,
        fastest=max(jobs.values()) / mean,
        chunk=sum(size * times for size, times in chunks.items()) / max(chunks.total(), 1),
        lends=lends / plan.steady,
        waits=fleet.server.waited["lend"].at(0.5) or 0.0,
        others=sum(seconds.total() for seconds in facts.values()) / plan.steady,
    )


def polls(fleet: Fleet) -> Polls:
    """Look at the polls of good times."""
    begins, ends = fleet.began, fleet.out[0]
    lags = sorted(lag for one in fleet.workers for at, lag in one.lags if begins <= at < ends)
    asked = [at for at in fleet.account.status if begins <= at < ends]
    return Polls(
        requests=len(asked) / len(lags),
        rows=fleet.account.rows / len(fleet.account.status),
        lag_p50=lags[len(lags) // 2],
        lag_p95=lags[len(lags) * 95 // 100],
        mean=len(asked) / fleet.plan.steady,
        peak=most_within(array("d", asked), 1.0),
    )


def outage(fleet: Fleet) -> Outage:
    """Look at the outage and at what follows."""
    account, (begins, ends) = fleet.account, fleet.out
    first_accepted = {worker: at for at, worker in reversed(account.accepted) if at >= ends}
    facts = sum(_statements(fleet, begins, fleet.over).values(), Counter[int]())
    resumed = [one.resumed[-1] for one in fleet.workers if one.resumed]
    is_all_back = len(first_accepted) == fleet.plan.workers
    out = fleet.plan.outage + max(resumed, default=ends) - ends
    return Outage(
        tried=len(account.failed),
        doubts=sum(len(one.doubts) for one in fleet.workers),
        most_open=account.most_open,
        halted=_latest((one.halted[0] for one in fleet.workers if one.halted), begins),
        first=min(first_accepted.values(), default=float("inf")) - ends,
        resumed=_latest(resumed, ends),
        all_back=_latest(first_accepted.values(), ends) if is_all_back else float("inf"),
        posts=most_within(_part(account.posts, ends, fleet.over), 1.0),
        status=most_within(_part(account.status, ends, fleet.over), 1.0),
        facts=facts.total() / out,
        facts_peak=max(facts.values(), default=0),
        gave_up=sum(one.failed["OutageError"] for one in fleet.workers),
    )


def _statements(fleet: Fleet, begins: float, ends: float) -> dict[str, Counter[int]]:
    return {
        what: Counter({second: times for second, times in seconds.items() if begins <= second < ends})
        for what, seconds in fleet.server.statements.items()
        if what not in WAITS_FOR_NOBODY
    }


def _latest(moments: Iterable[float], since: float) -> float:
    return max(moments, default=since) - since


def _part(moments: Sequence[float], begins: float, ends: float) -> array[float]:
    return array("d", (at for at in moments if begins <= at < ends))


def _within(moments: Sequence[float], begins: float, ends: float) -> int:
    return len(_part(moments, begins, ends))


def table(name: str, found: Steady | Polls | Outage) -> str:
    """Write figures under each other."""
    rows = [(field.metadata["words"], getattr(found, field.name)) for field in attrs.fields(type(found))]
    return "\n".join([name, *(f"  {words:<58}{value:>12,.3f}" for words, value in rows)])


def main() -> None:
    """Simulate what was asked for; with its defaults about two minutes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--per-minute", type=float, default=1800.0, metavar="N", help="paid requests of the account")
    parser.add_argument("--no-rate", action="store_true", help="neither pools nor account know of a limit")
    parser.add_argument("--submits", type=int, default=8, help="at once, of each worker")
    parser.add_argument("--minutes", type=float, default=5.0, help="of good times that are measured")
    parser.add_argument("--median", type=float, default=150.0, metavar="SECONDS", help="of the videos")
    parser.add_argument("--outage", type=float, default=120.0, metavar="SECONDS", help="0 for none")
    parser.add_argument("--silent", action="store_true", help="no answers in the outage, in place of a gateway's page")
    parser.add_argument("--no-batch", action="store_true", help="each status request asks for one task")
    parser.add_argument("--commit", type=float, default=6.0, metavar="MS", help="until a transaction is on the disk")
    parser.add_argument("--lend-commit", type=float, metavar="MS", help="the same for slots; by default none")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    logging.disable()
    lend = ServerCosts().lend if wanted.lend_commit is None else wanted.lend_commit / 1000
    plan = Plan(
        workers=wanted.workers,
        per_minute=wanted.per_minute,
        has_rate=not wanted.no_rate,
        submits=wanted.submits,
        median=wanted.median,
        warm_up=2 * wanted.median,
        steady=60 * wanted.minutes,
        outage=wanted.outage,
        is_silent=wanted.silent,
        after=240.0 if wanted.outage else 0.0,
        batch="never" if wanted.no_batch else "auto",
        seed=wanted.seed,
        costs=ServerCosts(commit=wanted.commit / 1000, lend=lend),
    )
    began = time.process_time()
    fleet = simulate(plan)
    print(
        table(f"{plan.workers} workers, {plan.per_minute:g} a minute, {plan.steady:g} s of good times", steady(fleet))
    )
    print(table("status requests", polls(fleet)))
    if plan.outage:
        print(table(f"an outage of {plan.outage:g} s", outage(fleet)))
    print(f"{len(fleet.account.posts)} paid requests in {time.process_time() - began:.0f} s of CPU", file=sys.stderr)


if __name__ == "__main__":
    main()
