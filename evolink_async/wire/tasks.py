"""Reading tasks: the replies to a submit, a poll and a batch become snapshots, in this module only.

Error replies are read in `refusals`; what a reply means for a submit or a poll is decided in `verdict`.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TypeVar

from ..frozen import FrozenMap
from ..json_text import Json, parse_reply
from ..task import Snapshot, TaskFailure, TaskState
from .account import LARGEST_AMOUNT
from .messages import Response, unreadable
from .refusals import is_foreign
from .requests import TASK_ID

T = TypeVar("T")

_STATES = frozenset(state.value for state in TaskState)
# Final words that other services of this kind use, and spellings of our own. Case is ignored.
_FINAL_WORDS: dict[str, str] = {
    **{state.value: state.value for state in TaskState},
    **dict.fromkeys(("canceled", "aborted"), TaskState.CANCELLED.value),
    **dict.fromkeys(("expired", "rejected", "error", "failure"), TaskState.FAILED.value),
    **dict.fromkeys(("succeeded", "success", "finished", "done"), TaskState.COMPLETED.value),
}

_WITHOUT_VIDEO = (TaskState.FAILED, TaskState.CANCELLED)
# Source: every id on its pages begins with `task-unified-`, and its 400 for an id of another form asks for that.
VENDOR_PREFIX = "task-"
"""What the ids of the service begin with."""

FAILURE_FIELDS = ("code", "message", "type", "suggestion")


def decode_task(response: Response, *, asked: str | None = None) -> Snapshot:
    """Read a 2xx reply about one task.

    Args:
        response: The reply.
        asked: The task that was polled; None for the reply to a submit.

    Raises:
        ReplyError: The reply is not JSON, not a task, or about another task than `asked`; or it tells of a failure and
            may come from something before the service, as it has no id of the service.
    """
    try:
        # That to a submit has been read already. Nobody reads one to a poll again, and remembering it takes 4 us.
        row = response.json if asked is None else parse_reply(response.body)
        snapshot = read_task(row, request_id=response.request_id, asked=asked)
        if asked is None or "id" not in _object(row):
            _check_author(_object(row), snapshot)
    except ValueError as error:
        raise unreadable(
            response,
            f"the service answered HTTP {response.status}, but not with a task: {error}",
            task_id=asked,
        ) from None
    return snapshot


def _check_author(row: dict[str, Json], snapshot: Snapshot) -> None:
    """Raise for what a gateway may have answered in place of the service: its words are no end of a paid task.

    Args:
        row: The reply to a submit, or one to a poll that has no id.
        snapshot: What was read from it.
    """
    if "id" not in row:
        # Of the task itself comes what only the service has: that it runs, or its links.
        goes_on = not snapshot.is_final and (snapshot.is_documented or snapshot.fault is None)
        if not goes_on and not (snapshot.urls and snapshot.state not in _WITHOUT_VIDEO):
            raise ValueError(f"{snapshot.state!r} without an id, so it may be about something else")
        return
    is_failure = row.get("error") or row.get("success") is False or snapshot.state in _WITHOUT_VIDEO
    # An id of the service is kept, whatever else is told: the task may be paid for.
    if is_failure and not snapshot.task_id.startswith(VENDOR_PREFIX):
        raise ValueError(f"a failure under the id {snapshot.task_id!r}, which is not of its form")


def decode_batch(response: Response, *, asked: Collection[str]) -> dict[str, Snapshot]:
    """Read a 2xx reply about many tasks. Rows that cannot be read are left out.

    Args:
        response: The reply.
        asked: The tasks that were polled.

    Returns:
        The snapshots that the reply holds, by task id; it may lack some of `asked`.

    Raises:
        ReplyError: The reply is not JSON or has no list of rows, or a row is about a task that was not polled, or
            about the same task as another row.
    """
    rows: Json = None
    try:
        reply = parse_reply(response.body)
        rows = reply.get("data") if isinstance(reply, dict) else None
        found = _by_id(rows, response.request_id, asked)
    except ValueError as error:
        raise unreadable(
            response,
            f"the service answered HTTP {response.status}, but not with the polled tasks: {error}",
            is_foreign=not isinstance(rows, list) and is_foreign(response),
        ) from None
    return found


def _by_id(rows: Json, request_id: str | None, asked: Collection[str]) -> dict[str, Snapshot]:
    if not isinstance(rows, list):
        raise ValueError("no list `data`")
    named = [row for row in rows if isinstance(row, dict) and row.get("id") is not None]
    # A row that names no task is the same as no row: its task is polled alone.
    if rows and not named:
        raise ValueError("no row with an id")
    found = dict[str, Snapshot]()
    for row in named:
        task_id = row["id"]
        # A row of a wrong task discredits the whole answer: the route is not documented.
        if not isinstance(task_id, str) or task_id not in asked or task_id in found:
            raise ValueError(f"a row about {str(task_id)[:80]!r}")
        # A row without a state is the same as no row too.
        with suppress(ValueError):
            found[task_id] = read_task(row, request_id=request_id, asked=task_id)
    return found


def read_task(row: Json, *, request_id: str | None = None, asked: str | None = None) -> Snapshot:
    """Read one task object. A field of another type than documented is not coerced; it stays in `extra`.

    Args:
        row: The task object.
        request_id: The service's id of the reply, from its headers.
        asked: The task that was polled; None for the reply to a submit.

    Raises:
        ValueError: The value is not an object or has no valid id; or, after a poll, it has no state or another id.
    """
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    task_id = row.get("id", asked)
    if not isinstance(task_id, str) or (task_id != asked and not TASK_ID.fullmatch(task_id)):
        raise ValueError(f"no usable task id, but {str(task_id)[:80]!r}")
    if asked is not None and task_id != asked:
        raise ValueError(f"asked for {asked}, got {task_id}")
    state = row.get("status")
    if not isinstance(state, str) or not state:
        if asked is not None:
            raise ValueError("no status")
        # The reply to a submit has the id of a paid task, which must not be lost; the first poll brings the state.
        state = TaskState.PENDING.value
    # What the snapshot holds whole is taken out of it.
    extra = row.copy()
    extra.pop("id", None)
    word = state
    if state not in _STATES:
        state = _FINAL_WORDS.get(state.strip().lower(), state)
    if word == state:
        extra.pop("status", None)
    estimates, usage = _object(row.get("task_info")), _object(row.get("usage"))
    return Snapshot(
        task_id=task_id,
        state=state,
        model=_take(extra, "model", str),
        progress_percent=_take(extra, "progress", int) if _is_percent(row.get("progress")) else None,
        created_at=_take(extra, "created", int) if type(row.get("created")) is int else None,
        urls=_take_urls(extra),
        fault=_take_failure(extra, has_failed=state in _WITHOUT_VIDEO),
        estimated_seconds=_amount(estimates.get("estimated_time")),
        # A task that costs nothing is told so at its end. Until then nothing is no price.
        credits_reserved=_amount(usage.get("credits_reserved")) or None,
        credits_used=_amount(usage.get("credits_used")),
        request_id=request_id or _take(extra, "request_id", str),
        extra=FrozenMap.around(extra),
    )


def _take(extra: dict[str, Json], name: str, kind: type[T]) -> T | None:
    value = extra.get(name)
    if not isinstance(value, kind):
        return None
    del extra[name]
    return value


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _is_percent(value: Json) -> bool:
    # `type`, because True is an int.
    return type(value) is int and 0 <= value <= 100


def _amount(value: Json) -> float | None:
    """Return a number from 0 that is not absurdly large; None for any other value."""
    if type(value) is int or type(value) is float:
        return float(value) if 0 <= value < LARGEST_AMOUNT else None
    return None


def _take_urls(extra: dict[str, Json]) -> tuple[str, ...]:
    """Return the links: `results` is documented as a list of them; an object or a single link is read too."""
    results = extra.get("results")
    if results is None:
        return ()
    given = results if isinstance(results, list) else [results]
    links = [link for item in given if (link := _link(item)) is not None]
    # Anything that could not be read stays in `extra` too.
    if isinstance(results, list) and links == results:
        del extra["results"]
    return tuple(links)


def _link(item: Json) -> str | None:
    link = item.get("url") if isinstance(item, dict) else item
    return link if isinstance(link, str) and link else None


def _take_failure(extra: dict[str, Json], *, has_failed: bool) -> TaskFailure | None:
    error = extra.get("error")
    if has_failed and isinstance(error, list) and len(error) == 1:
        [error] = error
    # A bare text is the reason of a failure; while a task goes on it proves nothing.
    if has_failed and isinstance(error, str) and error.strip():
        del extra["error"]
        return TaskFailure(message=error)
    if not isinstance(error, dict):
        return None
    words = {name: value for name in FAILURE_FIELDS if isinstance(value := error.get(name), str)}
    # An error with other fields stays in `extra` too, so that nothing of it is lost.
    if len(words) == len(error):
        del extra["error"]
    return TaskFailure(**words)
