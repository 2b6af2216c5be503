"""The command `watch`: shows a task whenever its state or progress changes, until it ends.

It is free of charge, and saves nothing. Only the end is shown by `wait`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from ...errors import ConfigurationError, EvolinkError, ParamsError
from ...pool import SessionPool
from ...task import Snapshot, TaskState
from ..exit_codes import FAILED, OK
from ..inputs.service import Service
from ..inputs.task_choice import TaskChoice
from ..output.notices import Notices
from ..output.terminal import Terminal
from .status import task_object


def watch(task: TaskChoice, service: Service, terminal: Terminal) -> int:
    """Show each change of a task until it ends; return the exit code, 1 for a task that failed.

    Args:
        task: The task, which any process may have submitted.
        service: The service that runs it.
        terminal: Where the changes are printed: as JSON in a pipe, as a line each on a terminal.

    Raises:
        ConfigurationError: There is no API key, or the address is invalid.
    """
    try:
        last = asyncio.run(_watch(service.pool(observer=Notices(terminal)), task, terminal))
    except (ConfigurationError, ParamsError):
        raise
    except EvolinkError as error:
        terminal.error(f"{task.key}: {error}", error.advice)
        return FAILED
    return OK if last is not None and last.state == TaskState.COMPLETED else FAILED


async def _watch(pool: SessionPool, task: TaskChoice, terminal: Terminal) -> Snapshot | None:
    last = None
    async with pool, pool.watch(task.task_id) as stream:
        async for last in stream:
            if terminal.shows_tables:
                terminal.say(_line(last))
            else:
                terminal.json_line(task_object(task.task_id, last))
    return last


def _line(seen: Snapshot) -> str:
    progress = "" if seen.progress_percent is None else f"  {seen.progress_percent} %"
    fault = seen.fault.message or seen.fault.code or "" if seen.fault else ""
    result = " ".join(seen.urls) or fault
    return f"{datetime.now().astimezone():%H:%M:%S}  {seen.state}{progress}{f'  {result}' if result else ''}"
