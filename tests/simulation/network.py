"""The way to the vendor: a transport for each API key, with delays, losses and time-outs.

A request that has begun arrives whatever becomes of its sender: cancelling, or a crash, loses the reply only. What the
vendor answers is decided in `vendor`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from itertools import count

from evolink_async.errors import NotDeliveredError, TransportError
from tests.simulation.dice import Dice
from tests.simulation.loop import Clock
from tests.simulation.seams import FirstByte, Request, RequestKind, Response
from tests.simulation.task import Task
from tests.simulation.trace import Answered, Checked, Polled, Posted, Trace
from tests.simulation.vendor import PROMPT, REPLIES, Reply, Vendor, encode

TIMEOUTS = {"submit": 60.0, "upload": 300.0}
TIMEOUT = 20.0
"""Seconds for a whole request, as the defaults of `HttpOptions`."""


class Network:
    """Carries requests of all processes of a history.

    Args:
        vendor: Answers them.
        clock: Its clock.
        dice: Draws the delays.
        trace: What happened.
    """

    def __init__(self, vendor: Vendor, clock: Clock, dice: Dice, trace: Trace) -> None:
        self.vendor = vendor
        self.trace = trace
        self.dice = dice
        self.life = 0
        self.outside: asyncio.AbstractEventLoop | None = None
        """Where requests go on when their process is stopped, if there are several processes at a time."""
        self.on_begin: Callable[[int], None] = lambda _: None
        self.on_post: Callable[[int, str], None] = lambda _, __: None
        self._clock = clock
        self._numbers = count(1)
        self._nth: Counter[str] = Counter()
        self._on_the_way: dict[int, Callable[[], None]] = {}
        self._ids = count()

    def transport(self, session: int) -> MemoryTransport:
        """Make the connections of one API key, in the process that lives now."""
        return MemoryTransport(self, session)

    def crash(self) -> None:
        """End the transports of the process that dies."""
        self.life += 1

    def arrive_after_crash(self) -> None:
        """Let every request that a dead process has begun arrive now."""
        arrivals, self._on_the_way = list(self._on_the_way.values()), {}
        for arrive in arrivals:
            arrive()

    def nth(self, what: str) -> int:
        """Count the requests for one thing."""
        self._nth[what] += 1
        return self._nth[what]

    async def exchange(self, name: tuple[object, ...], kind: str, arrives: Callable[[], Reply]) -> Reply:
        """Let a request arrive, and wait for the reply.

        Args:
            name: Of its delays.
            kind: Of request.
            arrives: Called when it arrives; returns the reply. One with the status 0 never comes.

        Raises:
            TransportError: The connection was reset, or the time-out passed.
        """
        loop = asyncio.get_running_loop()
        between = self.outside or loop
        answered: asyncio.Future[Reply] = loop.create_future()
        number = next(self._ids)

        # The arrival is a callback of its own, not a part of this coroutine: cancelling the sender does not stop what
        # it has sent.
        def arrive() -> None:
            if self._on_the_way.pop(number, None) is None:
                return  # It has arrived already, when its process crashed.
            reply = arrives()
            if reply.status != 0 and not loop.is_closed():
                self.dice.delay("back", *name).then(between, lambda: self._tell(loop, answered, reply))

        self._on_the_way[number] = arrive
        # The time-out runs from the beginning, so a task may have been made although its sender was told "timed out".
        timer = loop.call_later(TIMEOUTS.get(kind, TIMEOUT), lambda: answered.done() or answered.cancel("timeout"))
        self.dice.delay("out", *name, longest=TIMEOUT / 2).then(between, arrive)
        try:
            await asyncio.wait([answered])
        finally:
            timer.cancel()
        if answered.cancelled():
            raise TransportError("no whole answer: timed out", kind=kind)
        reply = answered.result()
        if reply.status is None:
            raise TransportError("no whole answer: connection reset by peer", kind=kind)
        return reply

    def _tell(self, loop: asyncio.AbstractEventLoop, answered: asyncio.Future[Reply], reply: Reply) -> None:
        if self.outside is None:
            _resolve(answered, reply)
        else:
            loop.call_soon(_resolve, answered, reply)

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return self._clock.elapsed()


class MemoryTransport:
    """One API key's way to the vendor; it has the methods of `evolink_async.client.Transport`."""

    def __init__(self, network: Network, session: int) -> None:
        self._network = network
        self._session = session
        self._process = network.trace.process
        self._life = network.life
        self._is_closed = False

    async def send(self, request: Request, first_byte: FirstByte | None = None) -> Response:
        """Send once."""
        self._check_open(request.kind)
        if first_byte is not None:
            return await self._submit(request, first_byte)
        return _response(await self._read(request))

    def _check_open(self, kind: RequestKind) -> None:
        if self._is_closed or self._life != self._network.life:
            raise NotDeliveredError("the transport is closed", kind=kind)

    async def aclose(self) -> None:
        """Close."""
        self._is_closed = True

    async def _read(self, request: Request) -> Reply:
        network, vendor, session = self._network, self._network.vendor, self._session
        if request.kind == "credits":
            reply = await network.exchange(
                ("credits", network.nth("credits")), "credits", lambda: vendor.credits(session)
            )
            network.trace.entries.append(Checked(network.now(), self._process, session, reply.status == 200))
            return reply
        if request.kind == "upload":
            async for _ in request.pieces or _nothing():
                pass
            return await network.exchange(("upload", network.nth("upload")), "upload", lambda: vendor.upload(session))
        if request.kind == "batch":
            task_ids: list[str] = json.loads(request.body or b"")["task_ids"]
            self._polled(*task_ids)
            name = ("batch", task_ids[0], network.nth(f"batch {task_ids[0]}"))
            return await network.exchange(name, "batch", lambda: vendor.batch(task_ids, session))
        task_id = request.path.rpartition("/")[2]
        self._polled(task_id)
        name = ("poll", task_id, network.nth(task_id))
        return await network.exchange(name, "poll", lambda: vendor.poll(task_id, session))

    def _polled(self, *task_ids: str) -> None:
        self._network.trace.entries.append(Polled(self._network.now(), self._process, self._session, task_ids))

    async def _submit(self, request: Request, first_byte: FirstByte) -> Response:
        network, number, session = self._network, next(self._network._numbers), self._session
        # The prompt of a job is its key: the vendor knows whose task it makes without being told.
        body = json.loads(request.body or b"")
        job, purchase = str(body[PROMPT]), request.headers["Idempotency-Key"]
        name = ("submit", job, network.nth(f"submit {job}"))
        await self._connect(name, first_byte)
        network.trace.entries.append(Posted(network.now(), self._process, number, job, purchase, session))
        network.on_begin(number)
        network.on_post(number, job)
        if obstacle := network.vendor.intercept(job):
            await network.dice.delay("refused", *name, longest=10.0).wait()
            self._answered(number, job, obstacle)
            if REPLIES[obstacle].is_broken:
                raise RuntimeError("the user's tracer is broken")
            raise NotDeliveredError("no connection", kind="submit")
        made: list[Task | None] = [None]
        word = "timeout"

        def arrives() -> Reply:
            nonlocal word
            word, reply, made[0] = network.vendor.submit(number, body, purchase, session)
            return reply

        try:
            reply = await network.exchange(name, "submit", arrives)
        except TransportError as error:
            self._answered(number, job, "timeout" if "timed out" in str(error) else word)
            raise
        except asyncio.CancelledError:
            self._answered(number, job, "cancelled")
            raise
        task = made[0] if word == "accept" else None
        row = network.vendor.row(task) if task is not None else {}
        named = row["usage"].get("credits_reserved") if row else None
        self._answered(number, job, word, task.task_id if task else "", named, reply.asked)
        if task is not None:
            body = {"id": task.task_id, "status": "pending", "model": row["model"], "usage": row["usage"]}
            return _response(Reply(200, body))
        return _response(reply)

    async def _connect(self, name: tuple[object, ...], first_byte: FirstByte) -> None:
        """Connect. It is asked before the first byte whether it may leave, in one step with that byte."""
        await self._network.dice.delay("connect", *name, longest=10.0).wait()
        self._check_open("submit")  # a process that was killed meanwhile sends nothing
        if not first_byte.leaves():
            raise NotDeliveredError("withdrawn before its first byte", kind="submit")

    def _answered(
        self,
        number: int,
        job: str,
        word: str,
        task: str = "",
        named: float | None = None,
        asked: float | None = None,
    ) -> None:
        at = self._network.now()
        if self._life == self._network.life:
            self._network.trace.entries.append(
                Answered(at, self._process, number, job, self._session, word, task, named, asked)
            )


def _resolve(answered: asyncio.Future[Reply], reply: Reply) -> None:
    if not answered.done():
        answered.set_result(reply)


async def _nothing() -> AsyncIterator[bytes]:
    """Yield the pieces of a request that carries its body in itself."""
    for piece in list[bytes]():
        yield piece


def _response(reply: Reply) -> Response:
    headers = {"retry-after": f"{reply.asked:g}"} if reply.asked is not None else {}
    if reply.is_from_vendor:
        headers["x-oneapi-request-id"] = "req-1"
    return Response(status=reply.status or 0, headers=headers, body=encode(reply))
