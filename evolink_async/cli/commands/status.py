"""The command `status`: polls tasks once each and shows their state.

It does not wait for a task to end, and saves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...errors import EvolinkError
from ...pool import SessionPool
from ...task import Snapshot
from ..exit_codes import FAILED, OK
from ..inputs.service import Service
from ..output.numbers import number
from ..output.outcomes import error_object
from ..output.tables import empty_table
from ..output.terminal import Terminal, plain


def status(task_ids: Sequence[str], service: Service, terminal: Terminal) -> int:
    """Poll each task once, free of charge, and show its state; return the exit code.

    Args:
        task_ids: The service's ids, also of tasks that other processes submitted.
        service: The service that runs them.
        terminal: Where the states are printed.

    Raises:
        ConfigurationError: There is no API key, or the address is invalid.
    """
    # A task named twice is polled and shown once.
    polled = asyncio.run(_poll_all(service.pool(), list(dict.fromkeys(task_ids))))
    if terminal.shows_tables:
        _show(polled, terminal)
    else:
        for task_id, one in polled.items():
            terminal.json_line(task_object(task_id, one))
    errors = {task_id: one for task_id, one in polled.items() if isinstance(one, EvolinkError)}
    for task_id, error in errors.items():
        terminal.error(f"{task_id}: {error}", error.advice)
    return FAILED if errors else OK


async def _poll_all(pool: SessionPool, task_ids: Sequence[str]) -> dict[str, Snapshot | EvolinkError]:
    # All at once: the time is that of the slowest answer.
    async with pool:
        polled = await asyncio.gather(*(_poll(pool, task_id) for task_id in task_ids))
    return dict(zip(task_ids, polled, strict=True))


async def _poll(pool: SessionPool, task_id: str) -> Snapshot | EvolinkError:
    try:
        return await pool.poll(task_id)
    except EvolinkError as error:
        return error


def task_object(task_id: str, polled: Snapshot | EvolinkError) -> dict[str, object]:
    """Return the result of a poll as a JSON object."""
    snapshot = polled if isinstance(polled, Snapshot) else None
    fault = snapshot.fault if snapshot else None
    return {
        "task_id": task_id,
        "state": snapshot.state if snapshot else None,
        "model": snapshot.model if snapshot else None,
        "progress_percent": snapshot.progress_percent if snapshot else None,
        "urls": list(snapshot.urls) if snapshot else [],
        "credits": snapshot.credits if snapshot else None,
        "fault": {"code": fault.code, "message": fault.message} if fault else None,
        "error": error_object(polled) if isinstance(polled, EvolinkError) else None,
    }


def _show(polled: dict[str, Snapshot | EvolinkError], terminal: Terminal) -> None:
    table = empty_table("task", "state", "progress", "model", "credits", "result", right=("progress", "credits"))
    for task_id, one in polled.items():
        # Errors follow the table, with their advice.
        if isinstance(one, EvolinkError):
            continue
        progress = "" if one.progress_percent is None else f"{one.progress_percent} %"
        fault = one.fault.message or one.fault.code or "" if one.fault else ""
        result = " ".join(one.urls) or fault
        cells = (task_id, str(one.state), progress, one.model or "", number(one.credits), result)
        table.add_row(*map(plain, cells))
    if table.row_count:
        terminal.say(table)
