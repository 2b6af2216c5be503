"""One life of the program: an event loop, a pool, and the calls that a script makes.

What outlives it is in `world`. What is right and wrong is decided in `laws`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from evolink_async import Accepted, ConfigurationError, Job, Limits, OutcomeStream, SessionPool, Unknown
from evolink_async.events import Event, JobEnded
from tests.simulation import script as steps
from tests.simulation.callbacks import CALLING
from tests.simulation.loop import StandstillError, VirtualLoop
from tests.simulation.script import Step, Wish
from tests.simulation.telling import said, told
from tests.simulation.trace import (
    Acted,
    Answered,
    Complained,
    Entry,
    Finished,
    Following,
    Posted,
    Released,
    Reported,
    Settled,
    Stood,
    Wanted,
)
from tests.simulation.world import World

HORIZON = 6 * 3600.0
"""Seconds within which every call must end once the vendor is well and consumers read."""
REST = 120.0
"""Seconds after the last call until all is quiet: more than a submit's time-out and its grace."""
SLOWEST_FOLLOWER = 30.0
"""Seconds that a consumer of all outcomes takes for one at most."""
SAFETY_NET = 900.0
"""Seconds after which a task whose callback is missing has been polled, also several times if it is forgotten."""
CALM = 300.0
"""Seconds after the last step and the last outage at which polls stop failing."""
FIGURES = (
    "waiting",
    "submitting",
    "in_flight",
    "completed",
    "failed",
    "unknown",
    "credits_reserved",
    "credits_used",
    "credits_held",
    "credits_spent",
    "requests",
    "uploading",
    "downloading",
)
"""Of `Stats`."""


@attrs.define(eq=False)
class Call:
    """A call of the pool that goes on in a task of its own."""

    name: str
    process: int
    task: asyncio.Task[None]
    stream: OutcomeStream | None = None
    how: str = "end"
    is_endless: bool = False


class Process:
    """One life of the program: an event loop, a pool, and calls, until the script ends or the process is killed."""

    def __init__(self, world: World, loop: VirtualLoop | None = None) -> None:
        self._world = world
        self._loop = loop or VirtualLoop(world.clock)
        self._calls: dict[str, Call] = {}
        self._pools: list[SessionPool] = []
        self._is_dead = False

    @property
    def _pool(self) -> SessionPool:
        return self._pools[-1]

    def live(self, left: deque[Step]) -> str:
        """Take the steps that are left, until one is a crash; returns "crashed" or "done"."""
        try:
            return self._loop.run_until_complete(self._live(left))
        except StandstillError as error:
            self._complain(str(error))
            return "done"
        finally:
            self._is_dead = True
            for complaint in self._loop.complaints:
                self._complain(complaint)

    def bury(self) -> None:
        """End what a dead process has left, unseen, so that nothing of it is left in this one."""
        with suppress(StandstillError):
            self._loop.run_until_complete(self._end_all())
        self._loop.close()

    async def _end_all(self) -> None:
        for call in self._calls.values():
            call.task.cancel()
        for pool in self._pools:
            with suppress(Exception):
                await pool.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=HORIZON)

    # --- the script

    async def _live(self, left: deque[Step]) -> str:
        # What the dead process had sent arrives only after the next one has opened its journal: the worse order.
        await self._open()
        self._world.network.arrive_after_crash()
        self._world.calls.live()
        while left:
            step = left.popleft()
            if (wait := step.at - self._world.elapsed()) > 0:
                await asyncio.sleep(wait)
            await self._world.dice.delay("step", repr(step), longest=0.0).wait()
            self._note(Acted(self._now(), self._id(), repr(step)))
            # No cleanup: this loop is not run again before the history is over.
            if isinstance(step, steps.Crash):
                return "crashed"
            await self._act(step)
        await self._come_to_rest()
        await self._close()
        if self._world.script.journal == "file":
            await self._run_all_again()
        return "done"

    async def _act(self, step: Step) -> None:
        vendor = self._world.vendor
        match step:
            case steps.Run():
                self._begin(step.name, partial(self._run, step))
            case steps.Generate() | steps.Submit():
                self._begin(step.name, partial(self._buy, step))
            case steps.Wait():
                self._begin(step.name, partial(self._wait, step))
            case steps.Watch():
                self._begin(step.name, partial(self._watch, step))
            case steps.Poll():
                self._begin(step.name, partial(self._poll, step))
            case steps.Follow():
                self._begin(step.name, partial(self._follow, step), is_endless=True)
            case steps.Twin():
                self._begin(step.name, partial(self._twin, step))
            case steps.Settle():
                self._begin(f"settle {step.job} {step.at:g}", partial(self._settle, step))
            case steps.Drain():
                self._drain(step.run)
            case steps.Close():
                self._begin(f"close {step.run} {step.at:g}", partial(self._close_run, step.run))
            case steps.Cancel():
                if (call := self._calls.get(step.call)) is not None:
                    call.task.cancel()
            case steps.Retune():
                limits = Limits(requests=step.requests, submits=step.submits, in_flight=step.in_flight)
                self._pool.retune(limits)
            case steps.Hint():
                if (task := self._world.task_of(step.job)) is not None:
                    self._pool.hint(task.task_id)
            case steps.CallBack():
                self._call_back(step)
            case steps.ClosePool():
                try:
                    await self._close()
                finally:  # also without the server of its journal
                    await self._open()
            case steps.Outage():
                vendor.go_out(step)
            case steps.Revoke():
                vendor.revoke(step)
            case steps.Forget():
                vendor.forget(step.job)
            case steps.Reprice():
                vendor.reprice(step)
            case _:
                pass

    async def _open(self) -> None:
        # A call that outlives its pool belongs to the process that made it.
        pool = self._world.new_pool(partial(self._observe, self._id()))
        self._pools.append(pool)
        await pool.__aenter__()

    async def _close(self) -> None:
        try:
            await self._pool.aclose()
            # Callers learn of the end within some turns of the loop.
            await asyncio.wait(
                [call.task for call in self._calls.values()] or [asyncio.ensure_future(asyncio.sleep(0))], timeout=1
            )
            await asyncio.sleep(0)
            await self._stand("closed")
        finally:
            self._next_pool()

    def _next_pool(self) -> None:
        """The next pool is a process of its own in the trace."""
        self._world.trace.process += 1

    async def _come_to_rest(self) -> None:
        """Let the vendor become well, every call end, and everything quiet down; then make sure that the pool works."""
        script_steps = self._world.script.steps
        troubled_until = max([step.at + getattr(step, "seconds", 0.0) for step in script_steps], default=0.0)
        await asyncio.sleep(max(0.0, troubled_until + CALM - self._world.elapsed()))
        self._world.vendor.recover()
        await self._calls_end()
        if any(isinstance(step, steps.Follow) for step in script_steps):
            # Whatever was told to nobody is told now.
            followers = [call.task for call in self._calls.values() if call.is_endless and not call.task.done()]
            for follower in followers:
                follower.cancel()
            await asyncio.wait([*followers, asyncio.ensure_future(asyncio.sleep(0))])
            self._begin("rest", partial(self._follow, steps.Follow(at=0.0, name="rest")), is_endless=True)
        await self._calm_down()
        await self._stand("quiet")
        # A permit that was lost is in no figure of `Stats`. Where there are few, one more run finds it missing.
        if self._world.script.in_flight <= 4:
            extra = [Wish(key=f"extra-{number}") for number in range(self._world.script.in_flight + 1)]
            self._world.wishes.update({wish.key: wish for wish in extra})
            self._world.vendor.add(extra)
            self._begin(
                "extra", partial(self._run, steps.Run(at=0.0, name="extra", jobs=tuple(wish.key for wish in extra)))
            )
            await self._calls_end()
            await self._calm_down()

    async def _calm_down(self) -> None:
        """Let everything become quiet, and the slowest stream of all outcomes tell the last one."""
        follows = any(isinstance(step, steps.Follow) for step in self._world.script.steps)
        slowest = SLOWEST_FOLLOWER * len(self._world.wishes) if follows else 0.0
        await asyncio.sleep(REST + slowest + (SAFETY_NET if self._world.script.calls else 0.0))

    async def _run_all_again(self) -> None:
        """Run every job ever asked for again on the same journal file."""
        await self._open()
        self._begin("again", partial(self._run, steps.Run(at=0.0, name="again", jobs=self._world.all_asked())))
        if any(isinstance(step, steps.Follow) for step in self._world.script.steps):
            self._begin("last", partial(self._follow, steps.Follow(at=0.0, name="last")), is_endless=True)
        await self._calls_end()
        await self._calm_down()
        await self._close()

    async def _calls_end(self) -> None:
        tasks = {call.task: call for call in self._calls.values() if not (call.task.done() or call.is_endless)}
        if not tasks:
            return
        _, hanging = await asyncio.wait(tasks, timeout=HORIZON)
        for task in sorted(hanging, key=hash):
            self._note(Complained(self._now(), self._id(), "never ends", tasks[task].name))
            task.cancel()
        if hanging:
            await asyncio.wait(hanging, timeout=REST)

    async def _stand(self, moment: str) -> None:
        pool, own = self._pool, {call.task for call in self._calls.values()} | {asyncio.current_task()}
        figures = pool.stats()
        left = sorted(task.get_name() for task in asyncio.all_tasks() - own if task.get_name() != CALLING)
        # A consumer that is still asleep has a timer that cannot be told from the pool's.
        busy = [call.name for call in self._calls.values() if not call.task.done()]
        timers = [] if busy else [name for name in self._loop.timers() if not _is_ours(name)]
        unfinished = tuple(
            (known.key, known.task_id if isinstance(known, Accepted) else "") for known in pool.unfinished()
        )
        # A second pool that is still open has tasks of its own.
        is_closed = moment == "closed" and "twin" not in busy
        self._note(
            Stood(
                self._now(),
                self._id(),
                moment,
                tuple((name, round(float(getattr(figures, name) or 0.0), 6)) for name in FIGURES),
                tuple(left) if is_closed else (),
                tuple(sorted(timers)) if is_closed else (),
                unfinished,
            )
        )

    # --- calls

    def _begin(self, name: str, work: Callable[[], Coroutine[Any, Any, None]], *, is_endless: bool = False) -> None:
        task = asyncio.create_task(self._guard(name, work), name=f"caller {name}")
        self._calls[name] = Call(name, self._id(), task, is_endless=is_endless)

    async def _guard(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """See a call to its end, and note how it ended."""
        process, how = self._id(), "end"
        try:
            await work()
        except asyncio.CancelledError:
            how = "cancelled"
        except Exception as error:  # noqa: BLE001  # the laws judge it
            how = f"{type(error).__module__.partition('.')[0]}:{type(error).__name__}: {self._world.scrub(str(error))}"
        call = self._calls.get(name)
        if how == "end" and call is not None:
            how = call.how
        self._note(Released(self._now(), process, name))
        self._note(Finished(self._now(), process, name, how))

    async def _run(self, step: steps.Run) -> None:
        call, process = self._calls[step.name], self._id()
        stream = self._pool.run(self._source(step), timeout=step.timeout)
        call.stream = stream
        await asyncio.sleep(step.idle)
        taken = 0
        async with stream:
            async for outcome in stream:
                self._tell(process, step.name, outcome.key, outcome)
                self._note(Released(self._now(), process, step.name, outcome.key))
                taken += 1
                if step.leave_after is not None and taken >= step.leave_after:
                    call.how = "left"
                    break
                if step.pause:
                    await asyncio.sleep(step.pause)

    async def _follow(self, step: steps.Follow) -> None:
        call, process, taken = self._calls[step.name], self._id(), 0
        async with self._pool.outcomes() as stream:
            self._note(Following(self._now(), process, step.name))
            async for outcome in stream:
                end = told(outcome)
                self._note(Reported(self._now(), process, step.name, outcome.key, end.kind, end.task, end.error))
                taken += 1
                if taken == step.leave_after and step.fails:
                    raise ValueError("the consumer failed")
                if taken == step.leave_after:
                    call.how = "left"
                    break
                if step.pause:
                    await asyncio.sleep(step.pause)

    async def _twin(self, step: steps.Twin) -> None:
        process = self._id()
        if self._world.script.journal == "file":
            return  # A file has one owner, which the operating system sees to.
        async with (
            self._world.new_pool(lambda _: None, has_calls=False) as pool,
            pool.run(self._source(step)) as stream,
        ):
            async for outcome in stream:
                self._tell(process, step.name, outcome.key, outcome)
                self._note(Released(self._now(), process, step.name, outcome.key))

    async def _source(self, step: steps.Run | steps.Twin) -> AsyncIterator[Job]:
        gap, input_fails = (step.gap, step.input_fails) if isinstance(step, steps.Run) else (0.0, "")
        for key in step.jobs:
            if gap:
                await asyncio.sleep(gap)
            self._want(step.name, key, buys=True)
            yield self._world.job(key)
        if input_fails == "error":
            raise ValueError("the input failed")
        if input_fails == "cancelled":
            other = asyncio.ensure_future(asyncio.sleep(1))
            other.cancel()
            await other

    async def _buy(self, step: steps.Generate | steps.Submit) -> None:
        process, job = self._id(), self._world.job(step.job)
        self._want(step.name, step.job, buys=True)
        try:
            if isinstance(step, steps.Generate):
                result: Any = await self._pool.generate(job.params, key=job.key, timeout=step.timeout)
            else:
                result = await self._pool.submit(job.params, key=job.key)
        except Exception as error:
            self._tell(process, step.name, step.job, error)
            raise
        self._tell(process, step.name, step.job, result)

    async def _wait(self, step: steps.Wait) -> None:
        process, task = self._id(), self._world.task_of(step.job)
        if task is None:
            return
        self._want(step.name, step.job, buys=False)
        try:
            result = await self._pool.wait(task.task_id, timeout=step.timeout)
        except Exception as error:
            self._tell(process, step.name, step.job, error, is_about_task=True)
            raise
        self._tell(process, step.name, step.job, result)

    async def _watch(self, step: steps.Watch) -> None:
        process, task = self._id(), self._world.task_of(step.job)
        if task is None:
            return
        self._want(step.name, step.job, buys=False)
        seen, stream = 0, self._pool.watch(task.task_id)
        try:
            async for snapshot in stream:
                if snapshot.is_final:
                    self._tell(process, step.name, step.job, snapshot)
                seen += 1
                if step.leave_after is not None and seen >= step.leave_after:
                    break
        finally:
            if step.closes:
                await stream.aclose()

    async def _poll(self, step: steps.Poll) -> None:
        process, task = self._id(), self._world.task_of(step.job)
        if task is None:
            return
        for _ in range(step.times):
            self._want(step.name, step.job, buys=False)
            try:
                snapshot = await self._pool.poll(task.task_id)
            finally:
                self._note(Released(self._now(), process, step.name))
            if snapshot.is_final:
                self._tell(process, step.name, step.job, snapshot)
            await asyncio.sleep(step.gap)

    async def _settle(self, step: steps.Settle) -> None:
        known, how, purchase = {known.key: known for known in self._pool.unfinished()}.get(step.job), step.how, ""
        ledger = self._world.vendor.ledger
        if isinstance(known, Unknown):
            purchase = known.error.idempotency_key or ""
        elif known is not None:
            purchase = next((task.purchase for task in ledger if task.task_id == known.task_id), "")
        if how == "dashboard":
            found = next((task for task in ledger if task.purchase == purchase and not task.is_forgotten), None)
            how = found.task_id if found is not None else "resubmit"
        await self._pool.settle(step.job, how)
        if how != "resubmit" or not purchase:
            # It may have been sent since: what was settled is what was sent last.
            sent = [entry.purchase for entry in self._world.trace.of(Posted) if entry.job == step.job]
            purchase = sent[-1] if sent else purchase
        self._note(Settled(self._now(), self._id(), step.job, how, purchase))

    def _call_back(self, step: steps.CallBack) -> None:
        purchases = [entry.purchase for entry in self._world.trace.of(Posted) if entry.job == step.job]
        named = self._world.task_of(step.names)
        # Of a task that no job here knows to be its own, nobody could tell that it is another's.
        lives = self._world.journal_begins_at
        known = {entry.task for entry in self._world.trace.of(Answered) if entry.process >= lives}
        is_known = named is None or named.task_id in known
        if purchases and is_known:
            self._world.calls.call(purchases[-1], step.job, named)

    def _drain(self, run: str) -> None:
        call = self._calls.get(run)
        if call is not None and call.stream is not None and not call.task.done():
            call.stream.drain()
            call.how = call.how if call.how in ("closed", "left") else "drained"
            self._note(Released(self._now(), call.process, run, only_buying=True))

    async def _close_run(self, run: str) -> None:
        call = self._calls.get(run)
        if call is not None and call.stream is not None and not call.task.done():
            call.how = "closed"
            await call.stream.aclose()
            self._note(Released(self._now(), call.process, run))

    # --- what is noted

    def _now(self) -> float:
        return self._world.elapsed()

    def _id(self) -> int:
        return self._world.trace.process

    def _note(self, entry: Entry) -> None:
        if not self._is_dead:
            self._world.note(entry)

    def _complain(self, what: str) -> None:
        self._world.note(Complained(self._now(), self._id(), what))

    def _want(self, call: str, job: str, *, buys: bool) -> None:
        if buys and not self._is_dead:
            self._world.asked(job)
        self._note(Wanted(self._now(), self._id(), call, job, buys))

    def _tell(self, process: int, call: str, job: str, what: Any, *, is_about_task: bool = False) -> None:
        entry = attrs.evolve(told(what), at=self._now(), process=process, call=call, job=job)
        text = self._world.scrub(entry.text)
        self._note(attrs.evolve(entry, is_about_task=entry.is_about_task or is_about_task, text=text))

    def _observe(self, process: int, event: Event) -> None:
        if self._is_dead:
            return
        if isinstance(event, JobEnded):
            self._note(said(event, self._now(), process))
        if self._world.script.observer_calls_back:
            self._pool.stats()
            with suppress(ConfigurationError):  # The pool may be closing.
                for known in self._pool.unfinished():
                    if isinstance(known, Accepted):
                        self._pool.hint(known.task_id)
        if self._world.script.observer_raises == "error":
            raise ValueError("the observer failed")
        if self._world.script.observer_raises == "cancelled":
            raise asyncio.CancelledError


def _is_ours(name: str) -> bool:
    return name.startswith(("Network.", "Delay.", "MemoryTransport.", "Disk.", "Witness.", "Calls."))
