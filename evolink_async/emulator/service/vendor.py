"""The vendor's decisions: the reply to each submit, query, batch, credits, models and prices request.

No sockets, no asyncio and no faults: one call returns one `Reply`.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from attrs import define, field, frozen

from ..settings import EmulatorSettings
from .idempotency import FirstCall, IdempotencyStore
from .json_types import JsonObject
from .ledger import OverdrawnError, PaidTask, VendorLedger
from .output_spec import output_spec
from .price_catalogue import catalogue_reply
from .pricing import price_of
from .replies import Reply, refusal
from .request_body import parse_object
from .request_schemas import Catalogue, Model
from .task import TaskRecord
from .task_lifecycle import draw_lifecycle
from .task_replies import LinkTo, created_reply, query_reply
from .urls import is_private

# Ids in one batch query. Source: EvoLink CLI, api-client.js.
_BATCH_LIMIT = 50

_TASK_ID = re.compile(r"task-unified-[A-Za-z0-9._:-]{1,115}")


@frozen
class SubmitCall:
    """One POST to a generation endpoint.

    Attributes:
        path: The endpoint.
        raw: The bytes of the body.
        api_key: The API key, already authenticated.
        idempotency_key: The value of the header, or None.
        is_first_call: False while an older call with the same idempotency key is still open.
    """

    path: str
    raw: bytes = field(repr=False)
    api_key: str = field(repr=False)
    idempotency_key: str | None = None
    is_first_call: bool = True


@define(eq=False)
class Vendor:
    """One account with its tasks, and the rules.

    Attributes:
        settings: The settings of the emulator.
        ledger: The credits of the account.
        link_to: Returns the link of a task's n-th result file.
        catalogue: The models.
        tasks: The accepted tasks by id, oldest first; `submit` adds to it.
        keys: The idempotency keys.
    """

    settings: EmulatorSettings
    ledger: VendorLedger
    link_to: LinkTo
    catalogue: Catalogue
    tasks: dict[str, TaskRecord]
    keys: IdempotencyStore = field(factory=IdempotencyStore)
    _api_keys: frozenset[str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Copy the API keys, so that each request finds its key in constant time."""
        self._api_keys = frozenset(self.settings.api_keys)

    def authenticate(self, authorization: str) -> str:
        """Return the API key in a header `Bearer <key>`.

        Raises:
            Refused: 401: the header has another form, or the key is not valid.
        """
        # RFC 9110: the scheme is case-insensitive.
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or key.strip() not in self._api_keys:
            raise refusal(401)
        return key.strip()

    def submit(self, call: SubmitCall) -> tuple[Reply, TaskRecord | None]:
        """Accept a request; returns the reply and the new task, or None for a replay.

        Raises:
            Refused: The request is not accepted, and nothing was booked.
        """
        # Nothing is stored before `_accept` holds the credits, which is the last check.
        body = parse_object(call.raw)
        model = self._model(call, body)
        self._check(model, body)
        digest = hashlib.sha256(call.raw).hexdigest()
        key = call.idempotency_key if self.settings.idempotency else None
        if key is not None:
            replayed = self._replay(key, digest, is_first_call=call.is_first_call)
            if replayed is not None:
                return Reply(200, created_reply(replayed), {"idempotency-replayed": "true"}), None
        task = self._accept(model, body, PaidTask("", key, digest))
        if key is not None:
            self.keys.remember(key, FirstCall(task.task_id, digest))
        return Reply(200, created_reply(task)), task

    def query(self, task_id: str) -> Reply:
        """Return the reply to `GET /v1/tasks/{task_id}`.

        Raises:
            Refused: 400 for a malformed task id, 404 for an unknown one.
        """
        if _TASK_ID.fullmatch(task_id) is None:
            raise refusal(400, code="invalid_task_id", message="Invalid task ID format", param="task_id")
        task = self.tasks.get(task_id)
        if task is None:
            raise refusal(404, message=f"Task not found: {task_id}")
        return Reply(200, self.reply_of(task))

    def batch(self, raw: bytes) -> Reply:
        """Return the reply to `POST /v1/tasks/batch`; unknown ids have no row.

        Raises:
            Refused: 400 for a body without `task_ids` or with more than 50; 404 when `batch` is False.
        """
        if not self.settings.batch:
            raise refusal(404, code="not_found", message="Not found")
        ids = parse_object(raw).get("task_ids")
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in cast("list[object]", ids)):
            raise refusal(400, message="task_ids: must be an array of strings", param="task_ids")
        asked = cast("list[str]", ids)
        if len(asked) > _BATCH_LIMIT:
            raise refusal(400, message=f"task_ids: at most {_BATCH_LIMIT}", param="task_ids")
        known = [self.tasks[task_id] for task_id in dict.fromkeys(asked) if task_id in self.tasks]
        return Reply(200, {"data": [self.reply_of(task) for task in known]})

    def credits(self) -> Reply:
        """Return the reply to `GET /v1/credits`."""
        # 4 decimals are the ledger's unit, 1/10,000 credit.
        remaining, used = round(self.ledger.balance, 4), round(self.ledger.charged, 4)
        user: JsonObject = {"remaining_credits": remaining, "used_credits": used}
        token: JsonObject = {**user, "unlimited_credits": False}
        return Reply(200, {"success": True, "message": "", "data": {"user": user, "token": token}})

    def models(self, api_key: str) -> Reply:
        """Return the reply to `GET /v1/models`: the models that `api_key` may use."""
        denied = self.settings.denied_models.get(api_key, ())
        return Reply(200, {"data": [{"id": name} for name in self.catalogue.names() if name not in denied]})

    def prices(self, known_etag: str | None) -> Reply:
        """Return the reply to `GET /v1/catalog/pricing-rules`: the prices that this emulator charges.

        Args:
            known_etag: The version that the client has, from its header If-None-Match.

        Raises:
            Refused: 404: the settings leave the catalogue out.
        """
        if not self.settings.prices:
            raise refusal(404, code="not_found", message="Not Found")
        return catalogue_reply(self.catalogue.stored(), known_etag, now=self.settings.clock.now())

    def reply_of(self, task: TaskRecord) -> JsonObject:
        """Return the JSON that a query of `task` shows now."""
        return query_reply(task, self.settings.clock.now(), self.link_to)

    def _model(self, call: SubmitCall, body: Mapping[str, object]) -> Model:
        name = body.get("model")
        model = self.catalogue.find(name)
        if model is None:
            message = f"model: unknown model {name!r:.80}" if "model" in body else "model: is required"
            raise refusal(400, message=message, param="model")
        if model.path != call.path:
            raise refusal(400, message=f"model: {model.name} is not served by {call.path}", param="model")
        if model.name in self.settings.denied_models.get(call.api_key, ()):
            raise refusal(403, message=f"Token does not have access to model: {model.name}")
        return model

    def _check(self, model: Model, body: Mapping[str, object]) -> None:
        invalid = model.invalid_parameter(
            body,
            strict_fields=self.settings.strict_fields,
            any_callback_scheme=self.settings.allow_private_callbacks,
        )
        if invalid is not None:
            raise refusal(400, message=invalid.message, param=invalid.param)
        callback = body.get("callback_url")
        if isinstance(callback, str) and not self.settings.allow_private_callbacks and is_private(callback):
            message = "callback_url: must not be a private or loopback address"
            raise refusal(400, message=message, param="callback_url")

    def _replay(self, key: str, digest: str, *, is_first_call: bool) -> TaskRecord | None:
        if not self.keys.is_well_formed(key):
            message = "Idempotency-Key: 16 to 96 letters, digits, dots, underscores or hyphens"
            raise refusal(400, message=message, param="Idempotency-Key")
        first = self.keys.first_call(key)
        if first is not None and first.body_sha256 != digest:
            raise refusal(409)
        # Whether the first call pays is not decided yet; a second task here would be paid twice.
        if not is_first_call:
            message = "The first call with this key is still open"
            raise refusal(409, code="paid_outcome_unknown", message=message)
        return self.tasks[first.task_id] if first is not None else None

    def _accept(self, model: Model, body: Mapping[str, object], paid: PaidTask) -> TaskRecord:
        settings, now, ordinal = self.settings, self.settings.clock.now(), len(self.tasks) + 1
        spec = output_spec(body, path=model.path, seed=settings.seed, ordinal=ordinal)
        task = TaskRecord(
            task_id=_task_id(now, settings.seed, ordinal),
            ordinal=ordinal,
            model=model.name,
            body=MappingProxyType(dict(body)),
            spec=spec,
            life=draw_lifecycle(
                seed=settings.seed,
                ordinal=ordinal,
                accepted_at=now,
                median_seconds=settings.median_seconds,
                failure_share=settings.failure_share,
            ),
            price=price_of(model.schema, body, spec),
            estimated_seconds=round(settings.median_seconds),
        )
        self._pay(task, paid._replace(task_id=task.task_id))
        self.tasks[task.task_id] = task
        return task

    def _pay(self, task: TaskRecord, paid: PaidTask) -> None:
        # The end is known at acceptance, so the ledger can settle the hold without polling the task.
        charge = task.price.charged if task.life.failure is None else 0.0
        try:
            self.ledger.book(paid, reserved=task.price.reserved, charge=charge, ends_at=task.life.ends_at)
        except OverdrawnError as error:
            message = f"Insufficient quota: {error.needed:.4f} credits needed, {error.balance:.4f} left."
            raise refusal(402, message=message) from error


def _task_id(now: float, seed: int, ordinal: int) -> str:
    # The form of the vendor's samples: task-unified-1757169743-7cvnl5zw.
    rng = random.Random(f"{seed}-{ordinal}-id")  # noqa: S311 - reproducible, not secret
    return f"task-unified-{int(now)}-{''.join(rng.choices(string.ascii_lowercase + string.digits, k=8))}"
