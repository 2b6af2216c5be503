"""The command `status`: one look at each of some tasks.

Nothing is waited for, and nothing is saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...errors import EvolinkError
from ...pool import SessionPool
from ...task import Snapshot
from ..inputs.service import Service
from ..output import outcomes as report
from ..output.terminal import Terminal, plain


def status(task_ids: Sequence[str], service: Service, terminal: Terminal) -> int:
    """Look at each task once, free of charge, and show what was seen; return the exit code.

    Args:
        task_ids: The service's ids, also of tasks made by earlier processes.
        service: Where they are.
        terminal: Where to show it.

    Raises:
        ConfigurationError: There is no key, or the address is none.
    """
    seen = asyncio.run(_look(service.pool(), list(dict.fromkeys(task_ids))))
    if terminal.for_eyes:
        _show(seen, terminal)
    else:
        for task_id, one in seen.items():
            terminal.json_line(task_object(task_id, one))
    errors = {task_id: one for task_id, one in seen.items() if isinstance(one, EvolinkError)}
    for task_id, error in errors.items():
        terminal.complain(f"{task_id}: {error}", error.advice)
    return report.FAILED if errors else report.OK


async def _look(pool: SessionPool, task_ids: Sequence[str]) -> dict[str, Snapshot | EvolinkError]:
    async with pool:
        seen = await asyncio.gather(*(_poll(pool, task_id) for task_id in task_ids))
    return dict(zip(task_ids, seen, strict=True))


async def _poll(pool: SessionPool, task_id: str) -> Snapshot | EvolinkError:
    try:
        return await pool.poll(task_id)
    except EvolinkError as error:
        return error


def task_object(task_id: str, seen: Snapshot | EvolinkError) -> dict[str, object]:
    """Return the JSON object that tells what a look at a task showed."""
    shown = seen if isinstance(seen, Snapshot) else None
    fault = shown.fault if shown else None
    return {
        "task_id": task_id,
        "state": shown.state if shown else None,
        "model": shown.model if shown else None,
        "progress_percent": shown.progress_percent if shown else None,
        "urls": list(shown.urls) if shown else [],
        "credits": shown.credits if shown else None,
        "fault": {"code": fault.code, "message": fault.message} if fault else None,
        "error": report.error_object(seen) if isinstance(seen, EvolinkError) else None,
    }


def _show(seen: dict[str, Snapshot | EvolinkError], terminal: Terminal) -> None:
    table = report.listing("task", "state", "progress", "model", "credits", "result", right=("progress", "credits"))
    for task_id, one in seen.items():
        if isinstance(one, EvolinkError):
            continue
        progress = "" if one.progress_percent is None else f"{one.progress_percent} %"
        fault = one.fault.message or one.fault.code or "" if one.fault else ""
        result = " ".join(one.urls) or fault
        cells = (task_id, str(one.state), progress, one.model or "", report.number(one.credits), result)
        table.add_row(*map(plain, cells))
    if table.row_count:
        terminal.say(table)
