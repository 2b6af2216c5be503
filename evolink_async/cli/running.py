"""Carrying jobs out: a pool, a display that follows it, and a clean end however it ends.

Which jobs, which service and what is said of the outcomes is decided by the commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import attrs

from ..errors import EvolinkError
from ..outcome import Accepted, Job, Outcome, Unknown
from ..pool import SessionPool
from ..streams import OutcomeStream
from . import report
from .display import Display
from .terminal import Terminal, abandon_stdout

TICK_SECONDS = 0.2
"""Between two pictures."""


@attrs.frozen(kw_only=True)
class Batch:
    """What to do.

    Attributes:
        jobs: Good jobs, no key twice.
        folder: Where the videos go.
        timeout: Seconds a task may take, None for as long as it likes.
    """

    jobs: tuple[Job, ...]
    folder: Path
    timeout: float | None = None


@attrs.frozen(kw_only=True)
class Ending:
    """How it went.

    Attributes:
        outcomes: What was told, in the order the jobs ended.
        seconds: How long it took.
        stopped_by: What cut it short, None if nothing did.
        left: Task ids by job: paid for, and not told of because of that.
        in_doubt: Submits that may have been paid for.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    stopped_by: BaseException | None
    left: dict[str, str]
    in_doubt: tuple[Unknown, ...]


async def carry_out(
    pool: SessionPool, batch: Batch, terminal: Terminal, tell: Callable[[Outcome], None] = lambda _: None
) -> Ending:
    """Run a batch to its end, or to Ctrl-C, a broken pipe or a disk that refuses; the pool is closed afterwards.

    Args:
        pool: Not yet opened.
        batch: What to do.
        terminal: Where progress is shown, and what went wrong is said.
        tell: Called with every outcome, as soon as its job ends.

    Raises:
        EvolinkError: The run could not begin; nothing was sent.
    """
    outcomes: list[Outcome] = []
    stopped: BaseException | None = None
    with Display(terminal, len(batch.jobs)) as display:
        try:
            async with (
                pool,
                _Ticker(pool, display, outcomes),
                pool.run(batch.jobs, download_to=batch.folder, timeout=batch.timeout) as stream,
            ):
                async for outcome in _announcing_stop(stream, terminal):
                    outcomes.append(outcome)
                    _complain_of(outcome, terminal)
                    tell(outcome)
        # Not raised again: this is the outermost coroutine, and how it was cut short is a part of its answer.
        except (asyncio.CancelledError, OSError) as error:
            stopped = error
    told = {outcome.key for outcome in outcomes}
    unfinished = pool.unfinished()
    return Ending(
        outcomes=tuple(outcomes),
        seconds=display.seconds,
        stopped_by=stopped,
        left={job.key: job.task_id for job in unfinished if isinstance(job, Accepted) and job.key not in told},
        in_doubt=tuple(job for job in unfinished if isinstance(job, Unknown) and job.key not in told),
    )


async def _announcing_stop(stream: OutcomeStream, terminal: Terminal) -> AsyncGenerator[Outcome, None]:
    """Say at once that Ctrl-C was heard: learning the ids of submits on their way may take some seconds."""
    try:
        async for outcome in stream:
            yield outcome
    except asyncio.CancelledError:
        terminal.note("stopping: no more submits; asking for the ids of those on their way ...")
        raise


def _complain_of(outcome: Outcome, terminal: Terminal) -> None:
    if sentence := report.sentence_of(outcome):
        terminal.complain(*sentence)


class _Ticker:
    """Shows the pool's figures now and then."""

    def __init__(self, pool: SessionPool, display: Display, outcomes: list[Outcome]) -> None:
        self._pool, self._display, self._outcomes = pool, display, outcomes
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._ticking = asyncio.create_task(self._tick(), name="evolink-async display")

    async def __aexit__(self, *_: object) -> None:
        if (ticking := self._ticking) is not None:
            ticking.cancel()
            await asyncio.wait([ticking])
            if not ticking.cancelled():
                ticking.result()

    async def _tick(self) -> None:
        while True:
            self._display.show(len(self._outcomes), self._pool.stats())
            await asyncio.sleep(TICK_SECONDS)


def explain_stop(ending: Ending, terminal: Terminal, *, can_go_on: bool) -> int | None:
    """Say what cut a run short and what was left behind.

    Args:
        ending: How it went.
        terminal: Where to say it.
        can_go_on: Whether accepted tasks live on; those of an embedded emulator do not.

    Returns:
        The exit code, None if nothing cut it short.
    """
    reason = ending.stopped_by
    if reason is None:
        return None
    if isinstance(reason, BrokenPipeError):
        abandon_stdout()
        what, code = "nobody reads the output any more", report.READER_GONE
    elif isinstance(reason, OSError):
        what, code = f"the disk refused: {reason.strerror or reason}", report.FAILED
    else:
        what, code = "stopped by Ctrl-C", report.INTERRUPTED
    terminal.note(f"{what}; jobs that had ended: {len(ending.outcomes)}; no further ones are submitted.")
    if can_go_on:
        _name_left(ending, terminal)
    return report.UNKNOWN if ending.in_doubt and code == report.FAILED else code


def _name_left(ending: Ending, terminal: Terminal) -> None:
    if ending.left:
        terminal.note(f"Accepted, paid for and going on at the service ({len(ending.left)}):")
        for key, task_id in ending.left.items():
            terminal.note(f"  {task_id}  {key}")
        terminal.note("Their links, each for 24 hours: evolink-async status ID [ID ...]")
    for doubt in ending.in_doubt:
        _say_doubt(doubt.key, doubt.error, terminal)


def _say_doubt(key: str, error: EvolinkError, terminal: Terminal) -> None:
    terminal.complain(f"{key} unknown: {error}", error.advice)
