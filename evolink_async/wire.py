"""The only file that knows the vendor's paths, headers and JSON keys.

Values to requests, replies to values; nothing is sent or waited for here. Every reply that describes a task gets its
meaning in `read_task`, whether it answers a submit or a look.

Source: https://docs.evolink.ai/en/api-manual/task-management/get-task-detail and the model pages (read 2026-11-20).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias, TypeVar, cast

import attrs
import cattrs

from .errors import (
    AccessDeniedError,
    AuthenticationError,
    Fault,
    InsufficientCreditsError,
    InvalidRequestError,
    ParamsError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    TaskNotFoundError,
)
from .json_text import Json, dump, parse
from .params import AnyParams, dump_params
from .task import Snapshot, TaskFault, TaskState

Kind: TypeAlias = Literal["submit", "poll", "credits"]
T = TypeVar("T")

EXCERPT_BYTES = 500
TASK_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")  # what the service's own clients accept
ERRORS_BY_STATUS: dict[int, type[StatusError]] = {
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AccessDeniedError,
    404: TaskNotFoundError,
    429: RateLimitError,
}


@attrs.frozen(kw_only=True)
class Request:
    """An HTTP request without host and API key; the transport adds both."""

    kind: Kind
    method: str
    path: str
    body: bytes | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Response:
    """A complete HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, for support."""
        return self.headers.get("x-request-id") or self.headers.get("x-oneapi-request-id")

    @property
    def excerpt(self) -> str:
        """The first bytes of the body, readable."""
        return self.body[:EXCERPT_BYTES].decode("utf-8", "replace")


@attrs.frozen(kw_only=True)
class Credits:
    """What the account and the API key may still spend, in credits (68 are about one US dollar).

    Attributes:
        remaining: Left on the account.
        used: Used by the account so far.
        key_remaining: Left to this key; None when the key has no limit of its own.
    """

    remaining: float
    used: float
    key_remaining: float | None


# --- values to requests


def encode_submit(params: AnyParams, idempotency_key: str) -> Request:
    """Make the paid request. The same arguments give the same bytes."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
    return Request(kind="submit", method="POST", path=params.path, body=dump(dump_params(params)), headers=headers)


def encode_poll(task_id: str) -> Request:
    """Ask for one task.

    Raises:
        ParamsError: No task can have this id: 1 to 128 of letters, digits and `._:-`.
    """
    if not TASK_ID.fullmatch(task_id):
        raise ParamsError([Fault("task_id", f"must be 1 to 128 letters, digits or ._:-, not {task_id[:200]!r}")])
    return Request(kind="poll", method="GET", path=f"/v1/tasks/{task_id}")


def encode_credits() -> Request:
    """Ask for the account's credits."""
    return Request(kind="credits", method="GET", path="/v1/credits")


# --- replies to values


def decode_task(response: Response, *, asked: str | None = None) -> Snapshot:
    """Read a 2xx reply that describes one task: the answer to a submit, or to a look at the task `asked` about.

    Raises:
        ReplyError: Not JSON, not a task, or another task than `asked`.
    """
    try:
        snapshot = read_task(parse(response.body), request_id=response.request_id, asked=asked)
    except ValueError as error:
        raise ReplyError(
            f"the service answered HTTP {response.status} with something that is no task: {error}",
            status=response.status,
            excerpt=response.excerpt,
            request_id=response.request_id,
            task_id=asked,
        ) from None
    return snapshot


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
        extra={name: value for name, value in row.items() if name not in taken},
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


def _fault(row: dict[str, Json], taken: set[str]) -> TaskFault | None:
    error = row.get("error")
    if not isinstance(error, dict):
        return None
    taken.add("error")
    words = {name: value for name, value in error.items() if isinstance(value, str)}
    return TaskFault(
        code=words.get("code"),
        message=words.get("message"),
        type=words.get("type"),
        suggestion=words.get("suggestion"),
    )


# --- what is rare goes through cattrs, with hooks that refuse where its own would coerce


def _exactly(kind: type) -> Any:  # noqa: ANN401  # cattrs types its hooks as Any
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is not of type {kind.__name__}")
        return value

    return structure


def _finite(value: object, _: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise TypeError(f"{value!r} is not a finite number")
    return float(cast("float", value))


_strict = cattrs.Converter(detailed_validation=False)
for _kind in (str, int, bool):
    _strict.register_structure_hook(_kind, _exactly(_kind))
_strict.register_structure_hook(float, _finite)


@attrs.frozen
class _Purse:
    remaining_credits: float
    used_credits: float = 0.0
    unlimited_credits: bool = False


@attrs.frozen
class _Purses:
    user: _Purse
    token: _Purse | None = None


@attrs.frozen
class _CreditsBody:
    data: _Purses


def decode_credits(response: Response) -> Credits:
    """Read the answer to `encode_credits`.

    Raises:
        ReplyError: It has another shape.
    """
    try:
        body = _strict.structure(parse(response.body), _CreditsBody).data
    except Exception as error:  # noqa: BLE001  # cattrs raises whatever the shape provokes
        raise ReplyError(
            f"the service's credits have a shape we do not know: {type(error).__name__}",
            status=response.status,
            excerpt=response.excerpt,
            request_id=response.request_id,
        ) from None
    key = body.token
    return Credits(
        remaining=body.user.remaining_credits,
        used=body.user.used_credits,
        key_remaining=None if key is None or key.unlimited_credits else key.remaining_credits,
    )


def decode_error(response: Response, *, now: float, asked: str | None = None) -> StatusError:
    """Read an error reply of either generation, of a proxy, or of nobody we know.

    Args:
        response: A reply whose status is not 2xx.
        now: Unix seconds, to turn a Retry-After date into seconds.
        asked: The task asked about.
    """
    error = vendor_error(response) or {}
    status, code, message = response.status, error.get("code"), error.get("message")
    if not isinstance(message, str) or not message:
        location = response.headers.get("location")
        message = f"redirected to {location!r}, which is never followed" if location else response.excerpt.strip()
    default = ServerError if status >= 500 else InvalidRequestError if status >= 400 else StatusError
    param, request_id = error.get("param"), error.get("request_id")
    return ERRORS_BY_STATUS.get(status, default)(
        status,
        message or "no text",
        code=code if isinstance(code, str) or type(code) is int else None,
        request_id=response.request_id or (request_id if isinstance(request_id, str) else None),
        retry_after=retry_after(response.headers, now),
        param=param if isinstance(param, str) else None,
        task_id=asked,
    )


def vendor_error(response: Response) -> dict[str, Json] | None:
    """The error object of a reply in the service's own words; None when a proxy or a page answered."""
    try:
        body = parse(response.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict) and ("code" in error or "message" in error):
        return error
    if isinstance(error, str) and error:
        return {"code": error, "message": body.get("error_description", error)}
    if body.get("success") is False:
        return {"code": body.get("code"), "message": body.get("msg")}
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the service asks us to wait: from `Retry-After-Ms`, or `Retry-After` as a number or an HTTP date.

    A past date is 0; a negative or unreadable value is no wish at all.
    """
    milliseconds = _plain_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    number = _plain_number(text)
    if number is not None or text is None:
        return number
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, OSError):
        return None


def _plain_number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", text, re.ASCII):
        return None
    return float(text)
