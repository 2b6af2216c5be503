"""The vendor's callbacks: each end is told to the URL that its POST named, now and then late, early, twice or never.

The receiver is the library's own, behind its ASGI door. What a callback leads to is judged in `callback_laws`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from evolink_async.callbacks import CallbackReceiver
from tests.simulation.dice import Dice
from tests.simulation.loop import Clock
from tests.simulation.script import Script
from tests.simulation.task import Task
from tests.simulation.trace import Called, Trace

URL = "https://hooks.example/evolink"
SECRET = "the same in every process of a history"
PAUSES = (1.0, 2.0, 4.0)
"""Seconds after which the vendor calls again when it was not answered with 2xx."""
ROUNDING = 1e-6
ODD = 0.15
"""Share of callbacks that come early, and of those that come twice."""


@attrs.frozen(eq=False)
class _Call:
    """A call that is to be made.

    Attributes:
        task: The task that it names; None for none.
        token: Of the URL that is called.
        job: The job whose purchase the URL was made for.
        tries: How often it was made before.
    """

    task: Task | None
    token: str
    job: str
    tries: int = 0


class Calls:
    """Makes the calls of a history, which outlive its processes.

    Args:
        script: Whether there are any, and how many are lost.
        clock: Its clock.
        dice: Draws when they come.
        trace: What happened.
    """

    def __init__(self, script: Script, clock: Clock, dice: Dice, trace: Trace) -> None:
        self._script = script
        self._clock = clock
        self._dice = dice
        self._trace = trace
        self._receiver: CallbackReceiver | None = None
        self._planned: dict[_Call, float] = {}
        self._urls: dict[str, str] = {}

    def new_receiver(self) -> CallbackReceiver | None:
        """Make the receiver of the pool that lives now; None if the history has no callbacks."""
        self._receiver = CallbackReceiver(URL, SECRET) if self._script.calls else None
        return self._receiver

    def expect(self, task: Task, url: str | None) -> None:
        """Plan the calls for a task that was accepted."""
        if url is None:
            return
        self._urls[task.purchase] = token = urlsplit(url).path.rpartition("/")[2]
        if self._dice.chance(self._script.calls_lost, "lost", task.task_id):
            return
        call, ended = _Call(task, token, task.job), task.ended - self._clock.elapsed()
        late = self._dice.delay("call", task.task_id).seconds
        self._plan(call, ended + late)
        if self._dice.chance(ODD, "early", task.task_id):
            self._plan(attrs.evolve(call), ended / 2)
        if self._dice.chance(ODD, "twice", task.task_id):
            self._plan(attrs.evolve(call), ended + late + self._dice.fraction("between", task.task_id) * 60)

    def call(self, purchase: str, job: str, named: Task | None) -> None:
        """Call once more for a purchase, and name a task, whichever it is."""
        if purchase in self._urls:
            self._plan(_Call(named, self._urls[purchase], job), 0.0)

    def live(self) -> None:
        """Go on in the event loop of a process that begins."""
        planned, self._planned = self._planned, {}
        for call, at in planned.items():
            self._plan(call, max(0.0, at - self._clock.elapsed()))

    def _receiver_now(self) -> CallbackReceiver | None:
        return self._receiver

    def _plan(self, call: _Call, seconds: float) -> None:
        self._planned[call] = self._clock.elapsed() + seconds
        asyncio.get_running_loop().call_later(seconds, self._begin, call)

    def _begin(self, call: _Call) -> None:
        if self._planned.pop(call, None) is not None:
            asyncio.create_task(self._make(call), name=CALLING)  # noqa: RUF006  # the loop is held by the process

    async def _make(self, call: _Call) -> None:
        named = "" if call.task is None else call.task.task_id
        # No body is to be believed, so it may as well lie.
        lie = {"id": named, "status": "completed", "results": ["https://results.example/a-lie.mp4"]}
        status = await _post(self._receiver_now(), call.token, json.dumps(lie if named else {}).encode())
        is_own = call.task is not None and self._urls.get(call.task.purchase) == call.token
        is_final = call.task is not None and is_own and call.task.ended <= self._clock.elapsed() + ROUNDING
        self._trace.entries.append(
            Called(self._clock.elapsed(), self._trace.process, call.job, named, status, is_final=is_final)
        )
        if status != 204 and call.tries < len(PAUSES):
            self._plan(attrs.evolve(call, tries=call.tries + 1), PAUSES[call.tries])


CALLING = "caller of the vendor"
"""Name of the asyncio tasks that make calls."""


async def _post(receiver: CallbackReceiver | None, token: str, body: bytes) -> int:
    """Send a body to the receiver, as an ASGI server does, and return the status."""
    if receiver is None:
        return 503
    statuses = list[int]()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    await receiver.asgi({"type": "http", "method": "POST", "path": f"/evolink/{token}", "headers": []}, receive, send)
    return statuses[0]
