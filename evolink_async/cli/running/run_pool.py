"""Runs a pool for `run` and `demo`, with a progress display, until all jobs end or the run is stopped.

Which jobs and which service is decided in `commands`; the sentences about outcomes are in `output`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import nullcontext, suppress

from ...errors import JournalError, OutageError
from ...jobs import Accepted, Outcome, Unknown
from ...pool import OutcomeStream, SessionPool, Stats
from ..output.outcomes import is_of_outage, is_withdrawn
from ..output.problems import Problems
from ..output.progress_display import ProgressDisplay
from ..output.terminal import Terminal
from ..output.trouble import TroubleLines
from ..signals import on_first_ctrl_c
from .run_plan import RunPlan
from .run_result import RunResult

REFRESH_SECONDS = 0.2
"""Seconds between two updates of the progress display, and between two looks for trouble."""


def _write_nothing(_: Outcome) -> None: ...


async def run_pool(
    pool: SessionPool, plan: RunPlan, terminal: Terminal, write: Callable[[Outcome], None] = _write_nothing
) -> RunResult:
    """Run the jobs of a plan until all have ended, or Ctrl-C, a closed output, a disk error or an outage stops the run.

    The pool is closed afterwards. The first Ctrl-C sends no more jobs and waits for those in flight, if their tasks
    outlive the command; the second one, SIGTERM, SIGHUP, or the first of a run with its own emulator, stops at once.
    Outcomes that cannot be written, as on a full disk, act as a first Ctrl-C; a reader that has gone stops at once.

    Args:
        pool: A pool that is not open yet.
        plan: What to run.
        terminal: Shows progress on standard error, and problems.
        write: Called with every outcome as soon as its job ends; not with jobs that Ctrl-C or an outage kept from being
            sent.

    Raises:
        EvolinkError: The run could not begin; nothing was sent.
    """
    run = _Run(plan, terminal, write)
    with ProgressDisplay(terminal, len(plan.jobs)) as display:
        try:
            async with (
                pool,
                _Refresher(pool, display, run.outcomes, terminal),
                _stream(pool, plan) as stream,
            ):
                # Tasks of an embedded emulator end with the command, so there is nothing to wait for.
                drains = on_first_ctrl_c(lambda: run.drain(stream, "Ctrl-C"))
                with drains if plan.tasks_outlive_run else nullcontext():
                    async for outcome in _announcing_stop(stream, terminal):
                        run.take(outcome, stream)
        # Not raised again: this is the outermost coroutine, and what stopped the run is part of its result.
        except (asyncio.CancelledError, OSError, OutageError) as error:
            run.stopped_by = error
    run.problems.tell_others()
    return run.result(_unfinished(pool, terminal), pool.stats(), display.seconds)


def _stream(pool: SessionPool, plan: RunPlan) -> OutcomeStream:
    return pool.run(
        plan.jobs, download_to=plan.folder, name=plan.name, timeout=plan.timeout, retry_failed=plan.retry_failed
    )


class _Run:
    """What is known of a run so far: its outcomes, and what keeps it from sending more."""

    def __init__(self, plan: RunPlan, terminal: Terminal, write: Callable[[Outcome], None]) -> None:
        self.outcomes: list[Outcome] = []
        self.stopped_by: BaseException | None = None
        self.problems = Problems(plan, terminal)
        self._plan, self._terminal, self._write = plan, terminal, write
        self._has_drained = self._has_outage = False

    def take(self, outcome: Outcome, stream: OutcomeStream) -> None:
        """Report an outcome, unless its job was only kept from being sent."""
        self._has_outage = self._has_outage or is_of_outage(outcome)
        if is_of_outage(outcome) or ((self._has_drained or self._has_outage) and is_withdrawn(outcome)):
            return
        self.outcomes.append(outcome)
        self.problems.tell(outcome)
        try:
            self._write(outcome)
        except BrokenPipeError:
            raise
        except OSError as error:
            # The films under way are paid for, and worth more than a report on them.
            self.stopped_by, self._write = error, _write_nothing
            self.drain(stream, f"The output cannot be written ({error.strerror or error})")

    def drain(self, stream: OutcomeStream, why: str) -> None:
        """Send no more jobs, and let those in flight go on to their end."""
        self._has_drained = True
        stream.drain()
        self._terminal.note(
            f"{why}: no more jobs are sent; those in flight are waited for and saved. Ctrl-C again stops at once."
        )

    def result(self, unfinished: Sequence[Accepted | Unknown], stats: Stats, seconds: float) -> RunResult:
        """Return how the run ended.

        Args:
            unfinished: The jobs that the pool leaves unfinished.
            stats: The figures of the pool at its end.
            seconds: How long the run took.
        """
        # A job in doubt stays unfinished in the journal, though it was reported.
        reported = {outcome.key for outcome in self.outcomes}
        left = [job for job in unfinished if job.key not in reported]
        return RunResult(
            plan=self._plan,
            outcomes=tuple(self.outcomes),
            seconds=seconds,
            stopped_by=self.stopped_by,
            drained=self._has_drained,
            open_tasks={job.key: job.task_id for job in left if isinstance(job, Accepted)},
            in_doubt=tuple(job for job in left if isinstance(job, Unknown)),
            stats=stats,
        )


def _unfinished(pool: SessionPool, terminal: Terminal) -> tuple[Accepted | Unknown, ...]:
    try:
        return pool.unfinished()
    except JournalError as error:
        # Not raised: the outcomes reported so far stay true, and the run still gets its report.
        terminal.error(str(error), error.advice)
        return ()


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
    """Updates the progress display at a fixed interval while it is entered; without one it prints lines on trouble."""

    def __init__(
        self, pool: SessionPool, display: ProgressDisplay, outcomes: list[Outcome], terminal: Terminal
    ) -> None:
        self._pool, self._display, self._outcomes, self._terminal = pool, display, outcomes, terminal
        self._lines = TroubleLines()

    async def __aenter__(self) -> None:
        self._refreshing = asyncio.create_task(self._refresh(), name="evolink-async display")

    async def __aexit__(self, *_: object) -> None:
        self._refreshing.cancel()
        await asyncio.wait([self._refreshing])
        # An error of the display is raised here; the cancellation requested above is not.
        if not self._refreshing.cancelled():
            self._refreshing.result()

    async def _refresh(self) -> None:
        while True:
            # A journal that cannot be read stops the run where jobs are sent, not here.
            with suppress(JournalError):
                stats = self._pool.stats()
                self._display.show(len(self._outcomes), stats)
                line = None if self._display.is_visible else self._lines.line(stats.trouble, time.monotonic())
                if line is not None:
                    self._terminal.note(line)
            await asyncio.sleep(REFRESH_SECONDS)
