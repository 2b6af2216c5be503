"""The vendor in memory: it takes jobs, ends tasks, and keeps the ledger that is the truth about money.

A reply that says "not accepted" never comes with a task. How requests reach it is in
`network`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import attrs

from tests.simulation.callbacks import Calls
from tests.simulation.dice import Dice
from tests.simulation.loop import EPOCH, Clock
from tests.simulation.script import Outage, Reprice, Revoke, Script, Wish
from tests.simulation.task import PASSING, Task
from tests.simulation.trace import Judged, Trace

PRICES = (10.0, 25.0, 40.0, 95.0)
"""Credits of the price classes at the beginning."""
QUALITIES = (("720p", 5), ("720p", 10), ("1080p", 5), ("1080p", 10))
"""What makes a price class: quality and seconds."""
PROMPT = "prompt"


@attrs.frozen
class Reply:
    """What the vendor, or something between, does with a POST.

    Attributes:
        status: Of the answer; None when no answer comes.
        body: Of the answer: JSON as the vendor speaks, or text as a balancer does.
        is_paid: Whether a task is made.
        asked: Seconds in the header `Retry-After`.
        is_delivered: Whether the POST reaches the vendor.
        is_broken: Whether the transport raises something that no transport should, as a user's tracer may.
    """

    status: int | None
    body: Any = None
    is_paid: bool = False
    asked: float | None = None
    is_delivered: bool = True
    is_broken: bool = False

    @property
    def is_from_vendor(self) -> bool:
        """Whether the answer has the shape of the vendor's own."""
        return isinstance(self.body, dict)


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"the vendor says {code}", "type": code}}


PAGE = "<html><body>the balancer speaks</body></html>"
ACCEPT = Reply(200, is_paid=True)
REPLIES = {
    "accept": ACCEPT,
    # Refused for good, and nothing is charged.
    "400": Reply(400, _error("invalid_parameters")),
    "422": Reply(422, _error("content_policy_violation")),
    "413_page": Reply(413, PAGE),
    # The key is refused.
    "401": Reply(401, _error("invalid_token")),
    "402": Reply(402, _error("insufficient_quota")),
    "403_key": Reply(403, _error("key_disabled")),
    "403_model": Reply(403, _error("key_model_not_allowed")),
    # Refused for load.
    "429": Reply(429, _error("rate_limit_exceeded")),
    "429_0": Reply(429, _error("rate_limit_exceeded"), asked=0.0),
    "429_20": Reply(429, _error("rate_limit_exceeded"), asked=20.0),
    "429_400": Reply(429, _error("rate_limit_exceeded"), asked=400.0),
    "503_busy": Reply(503, _error("service_unavailable")),
    # Trouble on the way: not accepted.
    "undelivered": Reply(None, is_delivered=False),
    "broken": Reply(None, is_delivered=False, is_broken=True),
    "403_page": Reply(403, PAGE),
    "404_page": Reply(404, PAGE),
    # In doubt, and not paid.
    "reset": Reply(None),
    "408": Reply(408, PAGE),
    "409": Reply(409, _error("idempotency_conflict")),
    "500": Reply(500, _error("internal_error")),
    "502_page": Reply(502, PAGE),
    "503_page": Reply(503, PAGE),
    "504_page": Reply(504, PAGE),
    "524_page": Reply(524, PAGE),
    "302_page": Reply(302, PAGE),
    "200_page": Reply(200, PAGE),
    "silent": Reply(0),
    # In doubt, and paid.
    "reset_paid": Reply(None, is_paid=True),
    "silent_paid": Reply(0, is_paid=True),
    "200_page_paid": Reply(200, PAGE, is_paid=True),
    "302_paid": Reply(302, PAGE, is_paid=True),
    "409_paid": Reply(409, _error("paid_outcome_unknown"), is_paid=True),
    "499_paid": Reply(499, PAGE, is_paid=True),
    "500_paid": Reply(500, _error("internal_error"), is_paid=True),
    "502_paid": Reply(502, PAGE, is_paid=True),
    "503_upstream_paid": Reply(503, {"error": "upstream_timeout"}, is_paid=True),
    "503_code_paid": Reply(503, _error("upstream_error"), is_paid=True),
}
"""By name. The status 0 is an answer that never comes."""

_NOT_PAID = (
    "reset",
    "408",
    "409",
    "500",
    "502_page",
    "503_page",
    "504_page",
    "524_page",
    "302_page",
    "200_page",
    "silent",
)
DOUBTS = tuple(
    name
    for name, reply in REPLIES.items()
    if reply.is_delivered and name != "accept" and (reply.is_paid or name in _NOT_PAID)
)
"""Replies that leave open whether there is a task."""

LOOKALIKES = ("499_paid", "503_upstream_paid", "503_code_paid")
"""Replies that look like refusals, though there is a task."""


class Vendor:
    """Takes POSTs and polls.

    Args:
        script: What it is to do.
        clock: Its clock.
        dice: Draws which polls fail.
        trace: What happened.
        calls: Tells the ends of tasks.

    Attributes:
        ledger: Every paid task, in the order of acceptance.
    """

    def __init__(self, script: Script, clock: Clock, dice: Dice, trace: Trace, calls: Calls) -> None:
        self.ledger: list[Task] = []
        self._script = script
        self._clock = clock
        self._dice = dice
        self._trace = trace
        self._calls = calls
        self._wishes = {wish.key: wish for wish in script.wishes}
        self._tasks: dict[str, Task] = {}
        self._by_purchase: dict[str, Task] = {}
        self._arrivals: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._uploads = 0
        self._prices = list(PRICES)
        self._outages: list[tuple[float, Outage]] = []
        self._revoked: list[tuple[float, Revoke]] = []

    # --- what the script does to it

    def reprice(self, step: Reprice) -> None:
        """Change a price."""
        self._prices[step.price_class] = step.price

    def go_out(self, step: Outage) -> None:
        """Begin an outage."""
        self._outages.append((self._clock.elapsed() + step.seconds, step))

    def revoke(self, step: Revoke) -> None:
        """Refuse a key for a while."""
        self._revoked.append((self._clock.elapsed() + step.seconds, step))

    def forget(self, job: str) -> None:
        """Forget the tasks of a job."""
        for task in self.ledger:
            task.is_forgotten = task.is_forgotten or task.job == job

    def add(self, wishes: list[Wish]) -> None:
        """Know further jobs."""
        self._wishes.update({wish.key: wish for wish in wishes})

    def recover(self) -> None:
        """Be well from now on, but for what POSTs of some jobs are still to meet."""
        self._outages.clear()
        self._revoked.clear()
        self._script = attrs.evolve(self._script, poll_trouble=0.0)

    def _outage(self, *, of_reads: bool) -> Outage | None:
        now = self._clock.elapsed()
        return next((step for until, step in self._outages if now < until and (step.reads or not of_reads)), None)

    def _refusal(self, session: int) -> str | None:
        now = self._clock.elapsed()
        return next((step.reply for until, step in self._revoked if now < until and step.session == session), None)

    # --- POSTs

    def submit(self, number: int, body: dict[str, Any], purchase: str, session: int) -> tuple[str, Reply, Task | None]:
        """Decide about a POST that arrives now; returns the name of the reply, the reply, and the task if any."""
        job = str(body[PROMPT])
        wish = self._wishes[job]
        word = self._word(wish, session)
        reply, task = REPLIES[word], None
        # The vendor's pages do not promise the idempotency key; histories that rely on it say so.
        if reply.is_paid:
            task = self._by_purchase.get(purchase) if self._script.resubmit == "same_key" else None
            task = task or self._accept(number, body, purchase, session, word)
        self._trace.entries.append(
            Judged(self._clock.elapsed(), self._trace.process, number, job, word, task.task_id if task else "")
        )
        return word, reply, task

    def _word(self, wish: Wish, session: int) -> str:
        if (outage := self._outage(of_reads=False)) is not None:
            return outage.reply
        if (refusal := self._refusal(session)) is not None:
            return refusal
        self._arrivals[wish.key] += 1
        nth = self._arrivals[wish.key]
        return wish.sends[nth - 1] if nth <= len(wish.sends) else "accept"

    def intercept(self, job: str) -> str:
        """Return the name of the reply that keeps a POST of a job, which begins now, from the vendor; "" for none."""
        outage = self._outage(of_reads=False)
        if outage is not None:
            return "" if REPLIES[outage.reply].is_delivered else outage.reply
        nth, sends = self._arrivals[job], self._wishes[job].sends
        if nth < len(sends) and not REPLIES[sends[nth]].is_delivered:
            self._arrivals[job] += 1
            return sends[nth]
        return ""

    def _accept(self, number: int, body: dict[str, Any], purchase: str, session: int, word: str) -> Task:
        wish = self._wishes[str(body[PROMPT])]
        price, now = self._prices[wish.price_class], self._clock.elapsed()
        self._accepted[wish.key] += 1
        end = PASSING if self._accepted[wish.key] <= wish.passing else wish.end
        charged, says_charge = 0.0, self._script.used is not None
        if end == "completed" or (end == PASSING and says_charge and self._accepted[wish.key] in wish.charged):
            charged = price * (1.0 if self._script.used is None else self._script.used)
        task = Task(
            f"task-{wish.key}-{self._accepted[wish.key]}",
            wish.key,
            str(body["model"]),
            purchase,
            number,
            session,
            wish.billed_as,
            price,
            charged,
            now,
            now + wish.life,
            end,
            word,
        )
        self.ledger.append(task)
        self._tasks[task.task_id] = self._by_purchase[purchase] = task
        self._calls.expect(task, body.get("callback_url"))
        return task

    # --- reads

    def poll(self, task_id: str, session: int) -> Reply:
        """Answer a poll of one task."""
        if (trouble := self._trouble(task_id, session)) is not None:
            return trouble
        task = self._known(task_id, session)
        return Reply(404, _error("task_not_found")) if task is None else Reply(200, self.row(task))

    def batch(self, task_ids: list[str], session: int) -> Reply:
        """Answer a poll of many tasks."""
        if not self._script.batch:
            return Reply(404, PAGE)
        if (trouble := self._trouble(",".join(task_ids), session)) is not None:
            return trouble
        known = (self._known(task_id, session) for task_id in task_ids)
        return Reply(200, {"data": [self.row(task) for task in known if task is not None]})

    def credits(self, session: int) -> Reply:
        """Answer a read of the credits."""
        if (trouble := self._trouble("credits", session)) is not None:
            return trouble
        return Reply(200, {"success": True, "data": {"user": {"remaining_credits": 1e6, "used_credits": 0.0}}})

    def upload(self, session: int) -> Reply:
        """Answer an upload, as the file service does."""
        if (trouble := self._trouble("upload", session)) is not None:
            return trouble
        self._uploads += 1
        link = f"https://files.example/{self._uploads}.png"
        return Reply(200, {"success": True, "data": {"file_id": f"file-{self._uploads}", "file_url": link}})

    def _trouble(self, what: str, session: int) -> Reply | None:
        if (outage := self._outage(of_reads=True)) is not None:
            return REPLIES[outage.reply]
        if (refusal := self._refusal(session)) is not None and refusal in ("401", "402", "403_key"):
            return REPLIES[refusal]
        self._polls[what] += 1
        if not self._dice.chance(self._script.poll_trouble, "poll trouble", what, self._polls[what]):
            return None
        words = ("500", "502_page", "reset", "429", "429_20", "404_page", "403_page")
        return REPLIES[words[int(self._dice.fraction("which", what, self._polls[what]) * len(words))]]

    def _known(self, task_id: str, session: int) -> Task | None:
        task = self._tasks.get(task_id)
        # Another key does not see the task: so a pool that asks the wrong one gets a 404.
        return task if task is not None and task.session == session and not task.is_forgotten else None

    def row(self, task: Task) -> dict[str, Any]:
        """Describe a task as the vendor does."""
        now = self._clock.elapsed()
        usage: dict[str, float] = {"credits_reserved": task.price} if self._script.says_price else {}
        created = int(EPOCH + task.begun)
        row: dict[str, Any] = {"id": task.task_id, "model": task.model, "created": created, "usage": usage}
        if now < task.ended:
            share = (now - task.begun) / (task.ended - task.begun)
            return row | {"status": "processing", "progress": int(share * 99)}
        row["status"] = "failed" if task.end == PASSING else task.end
        if task.end == "completed":
            row["results"] = [f"https://results.example/{task.task_id}.mp4"]
            if self._script.used is not None:
                usage["credits_used"] = task.charged
        elif task.end == PASSING:
            row["error"] = {"code": "service_error", "message": "try again"}
            if task.charged:
                usage["credits_used"] = task.charged
        elif task.end == "failed":
            row["error"] = {"code": "generation_failed_no_content", "message": "nothing came of it"}
        return row


def encode(reply: Reply) -> bytes:
    """Return the bytes of an answer."""
    return json.dumps(reply.body).encode() if reply.is_from_vendor else str(reply.body or "").encode()
