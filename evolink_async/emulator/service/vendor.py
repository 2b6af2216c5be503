"""What the vendor answers: the rules of submit, query, batch, credits and models.

Plain functions over plain state: no sockets, no asyncio, no faults; one call gives one `Reply`.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import string
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import cast

from attrs import define, field, frozen

from ..clock import Clock
from .catalogue import Catalogue, Model
from .idempotency import FirstCall, KeyBook
from .ledger import OverdrawnError, PaidTask, VendorLedger
from .outputs import output_spec
from .pricing import price_of
from .private_hosts import is_private
from .refusals import JsonObject, error_body
from .task import LinkTo, TaskRecord, created_reply, query_reply
from .task_life import draw_life

BATCH_LIMIT = 50
"""Ids of one batch query. Source: EvoLink CLI, api-client.js."""

_TASK_ID = re.compile(r"task-unified-[A-Za-z0-9._:-]{1,115}")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@frozen
class Reply:
    """A reply in the vendor's words: status, JSON body, further headers."""

    status: int
    body: JsonObject
    headers: Mapping[str, str] = _NO_HEADERS


class Refused(Exception):  # noqa: N818 - a reply, not a fault of the emulator
    """Ends a request with `answer`."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(answer)
        self.answer = answer


def refusal(status: int, *, code: str | None = None, message: str | None = None, param: str | None = None) -> Refused:
    """Return the exception that answers with the vendor's error body for `status`."""
    return Refused(Reply(status, error_body(status, code=code, message=message, param=param)))


@frozen
class SubmitCall:
    """One POST to a generation endpoint.

    Attributes:
        path: The endpoint.
        raw: The body's bytes.
        api_key: The key it came with.
        idempotency_key: The header's value, if any.
        is_first_call: False while an older call with the same idempotency key is still open.
    """

    path: str
    raw: bytes = field(repr=False)
    api_key: str = field(repr=False)
    idempotency_key: str | None = None
    is_first_call: bool = True


@frozen
class House:
    """The rules that a user of the emulator chooses; see `Emulator` for each."""

    api_keys: Collection[str]
    seed: int
    median_seconds: float
    failure_share: float
    batch: bool
    idempotency: bool
    allow_private_callbacks: bool
    strict_fields: bool
    denied_models: Mapping[str, Collection[str]]


@define(eq=False)
class Vendor:
    """The account, its tasks and the rules; every method answers at once."""

    house: House
    clock: Clock
    ledger: VendorLedger
    link_to: LinkTo
    catalogue: Catalogue
    tasks: dict[str, TaskRecord]
    keys: KeyBook = field(factory=KeyBook)

    def authenticate(self, authorization: str) -> str:
        """Return the API key of a header `Bearer <key>`.

        Raises:
            Refused: 401, no known key.
        """
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or key.strip() not in self.house.api_keys:
            raise refusal(401)
        return key.strip()

    def submit(self, call: SubmitCall) -> tuple[Reply, TaskRecord | None]:
        """Accept a request or refuse it; returns the new task too, None on a replay.

        Raises:
            Refused: Nothing was booked.
        """
        body = parse_object(call.raw)
        model = self._model(call, body)
        self._check(model, body)
        digest = hashlib.sha256(call.raw).hexdigest()
        key = call.idempotency_key if self.house.idempotency else None
        if key is not None:
            replayed = self._replay(key, digest, is_first_call=call.is_first_call)
            if replayed is not None:
                return Reply(200, created_reply(replayed), {"idempotency-replayed": "true"}), None
        task = self._accept(model, body, PaidTask("", key, digest))
        if key is not None:
            self.keys.remember(key, FirstCall(task.task_id, digest))
        return Reply(200, created_reply(task)), task

    def query(self, task_id: str) -> Reply:
        """Answer `GET /v1/tasks/{task_id}`.

        Raises:
            Refused: 400 for what cannot be a task id, 404 for an unknown one.
        """
        if _TASK_ID.fullmatch(task_id) is None:
            raise refusal(400, code="invalid_task_id", message="Invalid task ID format", param="task_id")
        task = self.tasks.get(task_id)
        if task is None:
            raise refusal(404, message=f"Task not found: {task_id}")
        return Reply(200, self.reply_of(task))

    def batch(self, raw: bytes) -> Reply:
        """Answer `POST /v1/tasks/batch`; unknown ids are left out.

        Raises:
            Refused: 400 for a body without `task_ids` or with more than 50; 404 when switched off.
        """
        if not self.house.batch:
            raise refusal(404, code="not_found", message="Not found")
        ids = parse_object(raw).get("task_ids")
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in cast("list[object]", ids)):
            raise refusal(400, message="task_ids: must be an array of strings", param="task_ids")
        asked = cast("list[str]", ids)
        if len(asked) > BATCH_LIMIT:
            raise refusal(400, message=f"task_ids: at most {BATCH_LIMIT}", param="task_ids")
        known = [self.tasks[one] for one in dict.fromkeys(asked) if one in self.tasks]
        return Reply(200, {"data": [self.reply_of(task) for task in known]})

    def credits(self) -> Reply:
        """Answer `GET /v1/credits`."""
        remaining, used = round(self.ledger.balance, 4), round(self.ledger.charged, 4)
        user: JsonObject = {"remaining_credits": remaining, "used_credits": used}
        token: JsonObject = {**user, "unlimited_credits": False}
        return Reply(200, {"success": True, "message": "", "data": {"user": user, "token": token}})

    def models(self, api_key: str) -> Reply:
        """Answer `GET /v1/models`: the models that this key may use."""
        denied = self.house.denied_models.get(api_key, ())
        return Reply(200, {"data": [{"id": name} for name in self.catalogue.names() if name not in denied]})

    def reply_of(self, task: TaskRecord) -> JsonObject:
        """Return what a query of `task` shows now."""
        return query_reply(task, self.clock.now(), self.link_to)

    def _model(self, call: SubmitCall, body: Mapping[str, object]) -> Model:
        name = body.get("model")
        model = self.catalogue.find(name)
        if model is None:
            message = f"model: unknown model {name!r:.80}" if "model" in body else "model: is required"
            raise refusal(400, message=message, param="model")
        if model.path != call.path:
            raise refusal(400, message=f"model: {model.name} is not served by {call.path}", param="model")
        if model.name in self.house.denied_models.get(call.api_key, ()):
            raise refusal(403, message=f"Token does not have access to model: {model.name}")
        return model

    def _check(self, model: Model, body: Mapping[str, object]) -> None:
        complaint = model.complaint(
            body,
            strict_fields=self.house.strict_fields,
            any_callback_scheme=self.house.allow_private_callbacks,
        )
        if complaint is not None:
            raise refusal(400, message=complaint.message, param=complaint.param)
        callback = body.get("callback_url")
        if isinstance(callback, str) and not self.house.allow_private_callbacks and is_private(callback):
            message = "callback_url: must not be a private or loopback address"
            raise refusal(400, message=message, param="callback_url")

    def _replay(self, key: str, digest: str, *, is_first_call: bool) -> TaskRecord | None:
        if not self.keys.is_well_formed(key):
            message = "Idempotency-Key: 16 to 96 letters, digits, dots, underscores or hyphens"
            raise refusal(400, message=message, param="Idempotency-Key")
        first = self.keys.first_call(key)
        if first is not None and first.body_sha256 != digest:
            raise refusal(409)
        if not is_first_call:
            message = "The first call with this key is still open"
            raise refusal(409, code="paid_outcome_unknown", message=message)
        return self.tasks[first.task_id] if first is not None else None

    def _accept(self, model: Model, body: Mapping[str, object], paid: PaidTask) -> TaskRecord:
        house, now, ordinal = self.house, self.clock.now(), len(self.tasks) + 1
        spec = output_spec(body, path=model.path, seed=house.seed, ordinal=ordinal)
        task = TaskRecord(
            task_id=_task_id(now, house.seed, ordinal),
            ordinal=ordinal,
            model=model.name,
            body=MappingProxyType(dict(body)),
            spec=spec,
            life=draw_life(
                seed=house.seed,
                ordinal=ordinal,
                accepted_at=now,
                median_seconds=house.median_seconds,
                failure_share=house.failure_share,
            ),
            price=price_of(model.schema, body, spec),
            estimated_seconds=round(house.median_seconds),
        )
        self._pay(task, paid._replace(task_id=task.task_id))
        self.tasks[task.task_id] = task
        return task

    def _pay(self, task: TaskRecord, paid: PaidTask) -> None:
        charge = task.price.charged if task.life.failure is None else 0.0
        try:
            self.ledger.book(paid, reserved=task.price.reserved, charge=charge, ends_at=task.life.ends_at)
        except OverdrawnError as error:
            message = f"Insufficient quota: {error.needed:.4f} credits needed, {error.balance:.4f} left."
            raise refusal(402, message=message) from error


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`.

    Raises:
        Refused: 400, no JSON by the standard (NaN is none), or no object.
    """
    try:
        value: object = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise refusal(400, message=f"body: not valid JSON: {error}"[:200], param="body") from error
    if not isinstance(value, dict):
        raise refusal(400, message="body: must be a JSON object", param="body")
    return cast("dict[str, object]", value)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


def _task_id(now: float, seed: int, ordinal: int) -> str:
    dice = random.Random(f"{seed}-{ordinal}-id")  # noqa: S311 - reproducible, not secret
    return f"task-unified-{int(now)}-{''.join(dice.choices(string.ascii_lowercase + string.digits, k=8))}"
