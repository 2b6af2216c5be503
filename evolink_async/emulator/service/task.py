"""One accepted task, and the JSON the vendor shows of it.

Pure: a record and a time in, a reply out. Nothing here decides whether a task is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from .outputs import Film, OutputSpec
from .pricing import Price
from .refusals import Json, JsonObject
from .task_life import TASK_CODES, Life, TaskView, view

CNY_PER_CREDIT = 0.1
USD_PER_CREDIT = 0.1 / 6.8
"""Source: EvoLink CLI, error-handler.js: 1 CNY = 10 credits, 1 USD = 6.8 CNY."""

LinkTo = Callable[["TaskRecord", int], str]


@frozen
class TaskRecord:
    """A task as the emulator keeps it.

    Attributes:
        task_id: The vendor's id.
        ordinal: Its number, from 1, in order of acceptance.
        model: The model's id.
        body: The accepted request.
        shape: Pixels, seconds and sound, or pictures, that its results have.
        life: When it starts, ends and how.
        price: What it holds and what it costs when it completes.
        estimated_seconds: What the reply to the submit promises.
    """

    task_id: str
    ordinal: int
    model: str
    body: Mapping[str, object] = field(repr=False)
    spec: OutputSpec
    life: Life
    price: Price
    estimated_seconds: int

    @property
    def output_kind(self) -> str:
        """The vendor's word for the output: video or image."""
        return "video" if isinstance(self.spec, Film) else "image"

    @property
    def result_count(self) -> int:
        """How many files it makes."""
        return 1 if isinstance(self.spec, Film) else self.spec.count

    @property
    def callback_url(self) -> str | None:
        """Where to send the final state, if anywhere."""
        link = self.body.get("callback_url")
        return link if isinstance(link, str) else None

    def view(self, now: float) -> TaskView:
        """Return its state and progress at `now`."""
        return view(self.life, now)


def created_reply(task: TaskRecord) -> JsonObject:
    """Return the answer to an accepted submit; it looks the same on a replay."""
    reply = _head(task, TaskView("pending", 0))
    reply["task_info"] = {"can_cancel": True, "estimated_time": task.estimated_seconds}
    reply["usage"] = {
        # The pages show per_call even where they bill by the second.
        "billing_rule": "per_call",
        "credits_reserved": round(task.price.reserved, 4),
        "user_group": "default",
    }
    return reply


def query_reply(task: TaskRecord, now: float, link_to: LinkTo) -> JsonObject:
    """Return the answer to a query, a row of a batch, or a callback body: all three look the same.

    Args:
        task: The task asked for.
        now: Unix seconds on the emulator's clock.
        link_to: Makes the link of the task's n-th result file.
    """
    seen = task.view(now)
    final = seen.status in ("completed", "failed")
    reply = _head(task, seen)
    reply["task_info"] = {"can_cancel": not final}
    if seen.status == "completed":
        links: list[Json] = [link_to(task, index) for index in range(task.result_count)]
        reply |= {"results": links, "usage": _usage(task.price.charged)}
    if seen.status == "failed":
        code = task.life.failure or "unknown_error"
        reply["error"] = {"code": code, "message": TASK_CODES.get(code, code), "type": "task_error"}
    return reply


def _usage(credits_used: float) -> JsonObject:
    return {
        "credits_used": round(credits_used, 4),
        "cost": {
            "credits": round(credits_used, 4),
            "usd": round(credits_used * USD_PER_CREDIT, 4),
            "cny": round(credits_used * CNY_PER_CREDIT, 4),
        },
    }


def _head(task: TaskRecord, seen: TaskView) -> JsonObject:
    head: JsonObject = {
        "created": int(task.life.accepted_at),
        "id": task.task_id,
        "model": task.model,
        "object": f"{task.output_kind}.generation.task",
        "progress": seen.progress,
        "status": seen.status,
        "type": task.output_kind,
    }
    if task.model.startswith("wan2.7"):
        # Declared in the schema, yet missing in the sample replies of all four wan2.7 pages.
        del head["object"]
    return head
