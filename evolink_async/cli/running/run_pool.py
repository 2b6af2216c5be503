"""Carrying jobs out: a pool, a display that follows it, and a clean end however it ends.

Which jobs, which service and what is said of the outcomes is decided by the commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext, suppress

from ...errors import JournalError
from ...jobs import Accepted, Outcome, Unknown
from ...pool import OutcomeStream, SessionPool
from ..output import outcomes as report
from ..output.progress_display import Display
from ..output.run_report import RunEnd, RunPlan, complain_of
from ..output.terminal import Terminal
from .ctrl_c import first_ctrl_c

TICK_SECONDS = 0.2
"""Between two pictures."""


async def carry_out(
    pool: SessionPool, batch: RunPlan, terminal: Terminal, tell: Callable[[Outcome], None] = lambda _: None
) -> RunEnd:
    """Run a batch to its end, or to Ctrl-C, a broken pipe or a disk that refuses; the pool is closed afterwards.

    The first Ctrl-C sends no more jobs and waits for those in flight, if tasks outlive the command.

    Args:
        pool: Not yet opened.
        batch: What to do.
        terminal: Where progress is shown, and what went wrong is said.
        tell: Called with every outcome, as soon as its job ends; not with jobs that Ctrl-C kept from being sent.

    Raises:
        EvolinkError: The run could not begin; nothing was sent.
    """
    outcomes: list[Outcome] = []
    stopped: BaseException | None = None
    drain = _Drain(terminal)
    with Display(terminal, len(batch.jobs)) as display:
        try:
            async with (
                pool,
                _Ticker(pool, display, outcomes),
                pool.run(batch.jobs, download_to=batch.folder, name=batch.name, timeout=batch.timeout) as stream,
            ):
                with first_ctrl_c(lambda: drain.begin(stream)) if batch.lives_on else nullcontext():
                    async for outcome in _announcing_stop(stream, terminal):
                        if drain.begun and report.is_withdrawn(outcome):
                            continue
                        outcomes.append(outcome)
                        complain_of(outcome, batch, terminal)
                        tell(outcome)
        # Not raised again: this is the outermost coroutine, and how it was cut short is a part of its answer.
        except (asyncio.CancelledError, OSError) as error:
            stopped = error
    told = {outcome.key for outcome in outcomes}
    unfinished = [job for job in _unfinished(pool, terminal) if job.key not in told]
    return RunEnd(
        batch=batch,
        outcomes=tuple(outcomes),
        seconds=display.seconds,
        stopped_by=stopped,
        drained=drain.begun,
        left={job.key: job.task_id for job in unfinished if isinstance(job, Accepted)},
        in_doubt=tuple(job for job in unfinished if isinstance(job, Unknown)),
    )


def _unfinished(pool: SessionPool, terminal: Terminal) -> tuple[Accepted | Unknown, ...]:
    try:
        return pool.unfinished()
    except JournalError as error:  # what was told stays true, so the run still gets its report
        terminal.complain(str(error), error.advice)
        return ()


class _Drain:
    """What the first Ctrl-C does."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.begun = False

    def begin(self, stream: OutcomeStream) -> None:
        """Send no more jobs; those in flight come to their end."""
        self.begun = True
        stream.drain()
        self._terminal.note(
            "Ctrl-C: no more jobs are sent; those in flight are waited for and saved. Ctrl-C again stops at once."
        )


async def _announcing_stop(stream: OutcomeStream, terminal: Terminal) -> AsyncGenerator[Outcome, None]:
    """Say at once that Ctrl-C was heard: learning the ids of submits on their way may take some seconds."""
    try:
        async for outcome in stream:
            yield outcome
    except asyncio.CancelledError:
        terminal.note("stopping: no more submits; asking for the ids of those on their way ...")
        raise


class _Ticker:
    """Shows the pool's figures now and then."""

    def __init__(self, pool: SessionPool, display: Display, outcomes: list[Outcome]) -> None:
        self._pool, self._display, self._outcomes = pool, display, outcomes
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        if self._display.is_live:  # the figures are read from the journal, so not for nobody
            self._ticking = asyncio.create_task(self._tick(), name="evolink-async display")

    async def __aexit__(self, *_: object) -> None:
        if (ticking := self._ticking) is not None:
            ticking.cancel()
            await asyncio.wait([ticking])
            if not ticking.cancelled():
                ticking.result()

    async def _tick(self) -> None:
        while True:
            with suppress(JournalError):  # no figures now; whether jobs can go on is found out where they are sent
                self._display.show(len(self._outcomes), self._pool.stats())
            await asyncio.sleep(TICK_SECONDS)
