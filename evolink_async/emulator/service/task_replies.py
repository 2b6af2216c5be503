"""The vendor's JSON of a task: the reply to a submit, and the reply to a query.

Whether a task is accepted is decided in `vendor`.
"""

from __future__ import annotations

from collections.abc import Callable

from .json_types import Json, JsonObject
from .task import TaskRecord
from .task_lifecycle import TASK_CODES, TaskView

# Source: EvoLink CLI, error-handler.js: 1 CNY = 10 credits, 1 USD = 6.8 CNY.
_CNY_PER_CREDIT = 0.1
_USD_PER_CREDIT = 0.1 / 6.8

LinkTo = Callable[[TaskRecord, int], str]


def created_reply(task: TaskRecord) -> JsonObject:
    """Return the reply to an accepted submit; a replayed submit has the same reply."""
    reply = _head(task, TaskView("pending", 0))
    reply["task_info"] = {"can_cancel": True, "estimated_time": task.estimated_seconds}
    reply["usage"] = {
        # The pages show per_call even for models that are billed by the second.
        "billing_rule": "per_call",
        "credits_reserved": round(task.price.reserved, 4),
        "user_group": "default",
    }
    return reply


def query_reply(task: TaskRecord, now: float, link_to: LinkTo) -> JsonObject:
    """Return the reply to a query; a row of a batch and a callback have the same JSON.

    Args:
        task: The task.
        now: The emulated unix time, in seconds.
        link_to: Returns the link of the task's n-th result file, from 0.
    """
    seen = task.view(now)
    is_final = seen.status in ("completed", "failed")
    reply = _head(task, seen)
    reply["task_info"] = {"can_cancel": not is_final}
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
            "usd": round(credits_used * _USD_PER_CREDIT, 4),
            "cny": round(credits_used * _CNY_PER_CREDIT, 4),
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
    # The wan2.7 pages declare `object` in the schema, but all four of their sample replies lack it.
    if task.model.startswith("wan2.7"):
        del head["object"]
    return head
