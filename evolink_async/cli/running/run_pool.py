"""Runs a pool for `run` and `demo`, with a progress display, until all jobs end or the run is stopped.

Which jobs and which service is decided in `commands`; the sentences about outcomes are in `output`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext, suppress

from ...errors import JournalError, OutageError
from ...jobs import Accepted, Outcome, Unknown
from ...pool import OutcomeStream, SessionPool
from ..output.outcomes import is_of_outage, is_withdrawn
from ..output.progress_display import ProgressDisplay
from ..output.run_report import report_problem
from ..output.terminal import Terminal
from .ctrl_c import on_first_ctrl_c
from .run_plan import RunPlan
from .run_result import RunResult

REFRESH_SECONDS = 0.2
"""Seconds between two updates of the progress display."""


async def run_pool(
    pool: SessionPool, plan: RunPlan, terminal: Terminal, write: Callable[[Outcome], None] = lambda _: None
) -> RunResult:
    """Run the jobs of a plan until all have ended, or Ctrl-C, a closed output, a disk error or an outage stops the run.

    The pool is closed afterwards. The first Ctrl-C sends no more jobs and waits for those in flight, if their tasks
    outlive the command; the second one, SIGTERM, SIGHUP, or the first of a run with its own emulator, stops at once.

    Args:
        pool: A pool that is not open yet.
        plan: What to run.
        terminal: Shows progress on standard error, and problems.
        write: Called with every outcome as soon as its job ends; not with jobs that Ctrl-C or an outage kept from being
            sent.

    Raises:
        EvolinkError: The run could not begin; nothing was sent.
    """
    outcomes: list[Outcome] = []
    stopped_by: BaseException | None = None
    has_outage = False
    drain = _Drain(terminal)
    with ProgressDisplay(terminal, len(plan.jobs)) as display:
        try:
            async with (
                # The display is refreshed while the pool is open: its figures are read from the journal.
                pool,
                _Refresher(pool, display, outcomes),
                pool.run(plan.jobs, download_to=plan.folder, name=plan.name, timeout=plan.timeout) as stream,
            ):
                # Tasks of an embedded emulator end with the command, so there is nothing to wait for.
                with on_first_ctrl_c(lambda: drain.begin(stream)) if plan.tasks_outlive_run else nullcontext():
                    async for outcome in _announcing_stop(stream, terminal):
                        has_outage = has_outage or is_of_outage(outcome)
                        if is_of_outage(outcome) or ((drain.has_begun or has_outage) and is_withdrawn(outcome)):
                            continue
                        outcomes.append(outcome)
                        report_problem(outcome, plan, terminal)
                        write(outcome)
        # Not raised again: this is the outermost coroutine, and what stopped the run is part of its result.
        except (asyncio.CancelledError, OSError, OutageError) as error:
            stopped_by = error
    # A job in doubt stays unfinished in the journal, though it was reported.
    reported = {outcome.key for outcome in outcomes}
    unfinished = [job for job in _unfinished(pool, terminal) if job.key not in reported]
    return RunResult(
        plan=plan,
        outcomes=tuple(outcomes),
        seconds=display.seconds,
        stopped_by=stopped_by,
        drained=drain.has_begun,
        open_tasks={job.key: job.task_id for job in unfinished if isinstance(job, Accepted)},
        in_doubt=tuple(job for job in unfinished if isinstance(job, Unknown)),
        stats=pool.stats(),
    )


def _unfinished(pool: SessionPool, terminal: Terminal) -> tuple[Accepted | Unknown, ...]:
    try:
        return pool.unfinished()
    except JournalError as error:
        # Not raised: the outcomes reported so far stay true, and the run still gets its report.
        terminal.error(str(error), error.advice)
        return ()


class _Drain:
    """The act of the first Ctrl-C: no more submits, and the jobs in flight go on to their end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.has_begun = False

    def begin(self, stream: OutcomeStream) -> None:
        self.has_begun = True
        stream.drain()
        self._terminal.note(
            "Ctrl-C: no more jobs are sent; those in flight are waited for and saved. Ctrl-C again stops at once."
        )


async def _announcing_stop(stream: OutcomeStream, terminal: Terminal) -> AsyncGenerator[Outcome, None]:
    """Yield the outcomes of `stream`, and confirm a second Ctrl-C at once.

    Closing the stream may take some seconds: it waits for the task ids of submits that are being sent.
    """
    try:
        async for outcome in stream:
            yield outcome
    except asyncio.CancelledError:
        terminal.note("stopping: no more submits; asking for the ids of those on their way ...")
        raise


class _Refresher:
    """Updates the progress display at a fixed interval while it is entered."""

    def __init__(self, pool: SessionPool, display: ProgressDisplay, outcomes: list[Outcome]) -> None:
        self._pool, self._display, self._outcomes = pool, display, outcomes
        self._refreshing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        # Only on a terminal: the figures are read from the journal, which costs time.
        if self._display.is_visible:
            self._refreshing = asyncio.create_task(self._refresh(), name="evolink-async display")

    async def __aexit__(self, *_: object) -> None:
        if (refreshing := self._refreshing) is not None:
            refreshing.cancel()
            await asyncio.wait([refreshing])
            # An error of the display is raised here; the cancellation requested above is not.
            if not refreshing.cancelled():
                refreshing.result()

    async def _refresh(self) -> None:
        while True:
            # A journal that cannot be read stops the run where jobs are sent, not here.
            with suppress(JournalError):
                self._display.show(len(self._outcomes), self._pool.stats())
            await asyncio.sleep(REFRESH_SECONDS)
