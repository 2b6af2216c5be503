"""Replies that describe a task, to snapshots: the one place where they get their meaning.

It serves the answer to a submit and the answer to a look alike.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TypeVar, cast

from ..frozen import FrozenMap
from ..json_text import Json, parse
from ..task import Snapshot, TaskFailure, TaskState
from .messages import Response, unreadable
from .requests import TASK_ID

T = TypeVar("T")

FAULT_WORDS = ("code", "message", "type", "suggestion")


def decode_task(response: Response, *, asked: str | None = None) -> Snapshot:
    """Read a 2xx reply that describes one task: the answer to a submit, or to a look at the task `asked` about.

    Raises:
        ReplyError: Not JSON, not a task, or another task than `asked`.
    """
    try:
        snapshot = read_task(parse(response.body), request_id=response.request_id, asked=asked)
    except ValueError as error:
        raise unreadable(
            response,
            f"the service answered HTTP {response.status} with something that is no task: {error}",
            task_id=asked,
        ) from None
    return snapshot


def decode_batch(response: Response, *, asked: Collection[str]) -> dict[str, Snapshot]:
    """Read a 2xx reply about many tasks: those it tells of, by id. Rows that describe no task are left out.

    Raises:
        ReplyError: Not JSON, no list of rows, or it tells of a task that was not `asked` for, or of one twice.
    """
    try:
        rows = _by_id(parse(response.body), response.request_id, asked)
    except ValueError as error:
        raise unreadable(
            response,
            f"the service answered HTTP {response.status} with something else than the tasks asked for: {error}",
        ) from None
    return rows


def _by_id(reply: Json, request_id: str | None, asked: Collection[str]) -> dict[str, Snapshot]:
    rows = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(rows, list):
        raise ValueError("no list `data`")
    found = dict[str, Snapshot]()
    for row in rows:
        task_id = row.get("id") if isinstance(row, dict) else None
        if not isinstance(task_id, str) or task_id not in asked or task_id in found:
            raise ValueError(f"a row about {str(task_id)[:80]!r}")
        with suppress(ValueError):  # a task without a state is one that the answer does not tell of
            found[task_id] = read_task(row, request_id=request_id, asked=task_id)
    return found


def read_task(row: Json, *, request_id: str | None = None, asked: str | None = None) -> Snapshot:
    """Give meaning to one task object. Fields of an unexpected type are left out and kept in `extra`, never coerced.

    Raises:
        ValueError: It is no object, has no usable id, or (for a look) no state, or another id than `asked`.
    """
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    task_id = row.get("id", asked)
    if not isinstance(task_id, str) or not TASK_ID.fullmatch(task_id):
        raise ValueError(f"no usable task id, but {str(task_id)[:80]!r}")
    if asked is not None and task_id != asked:
        raise ValueError(f"asked for {asked}, got {task_id}")
    state = row.get("status")
    if not isinstance(state, str) or not state:
        if asked is not None:
            raise ValueError("no status")
        state = TaskState.PENDING.value  # a paid id is worth keeping; the first look tells the state
    progress, created, info = row.get("progress"), row.get("created"), _object(row.get("task_info"))
    usage = _object(row.get("usage"))
    taken = {"id", "status"}
    return Snapshot(
        task_id=task_id,
        state=state,
        model=_take(row, "model", str, taken),
        progress_percent=_take(row, "progress", int, taken) if _is_percent(progress) else None,
        created_at=_take(row, "created", int, taken) if type(created) is int else None,
        urls=_urls(row, taken),
        fault=_fault(row, taken),
        estimated_seconds=_amount(info.get("estimated_time")),
        credits_reserved=_amount(usage.get("credits_reserved")),
        credits_used=_amount(usage.get("credits_used")),
        request_id=request_id or _take(row, "request_id", str, taken),
        extra=FrozenMap.around({name: value for name, value in row.items() if name not in taken}),
    )


def _take(row: dict[str, Json], name: str, kind: type[T], taken: set[str]) -> T | None:
    value = row.get(name)
    if not isinstance(value, kind):
        return None
    taken.add(name)
    return value


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _is_percent(value: Json) -> bool:
    return type(value) is int and 0 <= value <= 100


def _amount(value: Json) -> float | None:
    """A finite number of at least 0, or None."""
    if type(value) is int or type(value) is float:
        return float(value) if 0 <= value < 1e15 else None
    return None


def _urls(row: dict[str, Json], taken: set[str]) -> tuple[str, ...]:
    results = row.get("results")
    if not isinstance(results, list) or not all(isinstance(url, str) and url for url in results):
        return ()
    taken.add("results")
    return tuple(cast("list[str]", results))


def _fault(row: dict[str, Json], taken: set[str]) -> TaskFailure | None:
    error = row.get("error")
    if not isinstance(error, dict):
        return None
    words = {name: value for name in FAULT_WORDS if isinstance(value := error.get(name), str)}
    if len(words) == len(error):
        taken.add("error")  # else it stays in `extra` too, with what we could not read
    return TaskFailure(**words)
