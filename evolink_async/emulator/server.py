"""The `Emulator`: two loopback servers, their parts put together, started and taken down.

Nothing here decides an answer.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from types import MappingProxyType, TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware
from anyio.from_thread import start_blocking_portal
from attrs import Factory, define, field, validators

from .clock import Clock, ScaledClock
from .faults.script import FaultScript
from .hosts.api import Api, add_request_id, json_errors
from .hosts.callbacks import CallbackPost
from .hosts.file_service import FileService, FileStore, StoredFile
from .hosts.interceptor import Interceptor, Received
from .hosts.result_host import ResultHost
from .rendering.studio import Studio
from .service.catalogue import Catalogue
from .service.ledger import VendorLedger
from .service.task import TaskRecord
from .service.vendor import House, Vendor

_EXTRA_PACKAGES = ("av", "PIL", "jsonschema")
_GRACE_SECONDS = 0.05


def _scaled_clock(emulator: Emulator) -> Clock:
    return ScaledClock(emulator.speed)


@define(eq=False, kw_only=True)
class Emulator:
    """A local EvoLink: strict, reproducible, and able to misbehave on demand.

    An async context manager; `in_thread()` is the same for synchronous code. One emulator runs once. Its
    figures (`ledger`, `received`, `tasks`, `peak`) may be read from any thread, also after it has closed.

    Attributes:
        port: Port of the API and of the file service; 0 takes a free one.
        results_port: Port of the result host; 0 takes a free one.
        host: Address to listen on.
        speed: Emulated seconds per real one; at 20 a film of two minutes' work takes six seconds.
        clock: Time, when `speed` will not do; tests pass a `HandClock`.
        seed: Decides ids, durations and failures; the n-th task of a seed is always the same.
        credits: What the account begins with.
        api_keys: Keys it knows; all belong to one account.
        median_seconds: Median duration of a task on the emulator's clock; half take longer.
        failure_share: Part of the tasks that fail, 0 to 1.
        latency: Real seconds that every request takes at least. At 0 answers are so quick that requests hardly
            ever overlap and `peak` tells little of how many a client would have under way.
        batch: Serve `/v1/tasks/batch`, which no public page documents; off, it answers 404.
        idempotency: Honour `Idempotency-Key`, which no public page documents; off, every POST is a new paid
            task.
        allow_private_callbacks: Call back to loopback and private hosts too, over http too, and without
            looking at certificates.
        callbacks_to: Origin, such as `http://127.0.0.1:8080`, to post callbacks to instead of their own hosts:
            so a callback_url may look as the vendor demands, https and public, and still reach a test.
        strict_fields: Refuse top-level fields the model's schema does not name. What the vendor does with
            them is not documented.
        denied_models: Models refused with 403, per API key.
        faults: The script of misbehaviour; see the module `faults`.
    """

    port: int = field(default=0, validator=validators.and_(validators.ge(0), validators.le(65535)))
    results_port: int = field(default=0, validator=validators.and_(validators.ge(0), validators.le(65535)))
    speed: float = field(default=1.0, validator=validators.gt(0))
    seed: int = 0
    credits: float = field(default=100_000.0, validator=validators.ge(0))
    api_keys: Collection[str] = field(default=("sk-emulator",), repr=False)
    median_seconds: float = field(default=120.0, validator=validators.gt(0))
    failure_share: float = field(default=0.0, validator=validators.and_(validators.ge(0), validators.le(1)))
    latency: float = field(default=0.0, validator=validators.ge(0))
    batch: bool = True
    idempotency: bool = True
    allow_private_callbacks: bool = False
    host: str = "127.0.0.1"
    callbacks_to: str | None = None
    strict_fields: bool = True
    denied_models: Mapping[str, Collection[str]] = field(default=MappingProxyType({}), repr=False)
    clock: Clock = field(default=Factory(_scaled_clock, takes_self=True), repr=False)
    faults: FaultScript = field(factory=FaultScript, init=False, repr=False)
    ledger: VendorLedger = field(init=False)
    base_url: str = field(default="", init=False)
    results_url: str = field(default="", init=False)
    _interceptor: Interceptor = field(init=False, repr=False)
    _tasks: dict[str, TaskRecord] = field(factory=dict[str, TaskRecord], init=False, repr=False)
    _files: FileStore = field(factory=dict[str, StoredFile], init=False, repr=False)
    _studio: Studio = field(factory=Studio, init=False, repr=False)
    _results: ResultHost = field(init=False, repr=False)
    _post: CallbackPost | None = field(default=None, init=False, repr=False)
    _stack: AsyncExitStack | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Make the parts that may be looked at before the start."""
        self.ledger = VendorLedger(self.credits, self.clock.now)
        self._interceptor = Interceptor(self.faults, self.clock, self.latency)
        self._results = ResultHost(self.clock, self._tasks, self._files, self._studio.render)

    async def __aenter__(self) -> Self:
        """Start both servers.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken.
            RuntimeError: It was started before.
        """
        _require_extra()
        if self._stack is not None:
            raise RuntimeError("an Emulator runs once; make a new one")
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both servers."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close both servers; what hangs is ended, what is being rendered is given up."""
        if self._stack is not None:
            await self._stack.aclose()

    @contextmanager
    def in_thread(self) -> Generator[Self]:
        """Run in an event loop of its own, in a daemon thread, for synchronous code and other event loops.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken.
            RuntimeError: It was started before.
        """
        _require_extra()
        with start_blocking_portal("asyncio", name="evolink-emulator") as portal:
            portal.call(self.__aenter__)
            try:
                yield self
            finally:
                portal.call(self.aclose)

    @property
    def files_url(self) -> str:
        """Base URL of the file service: the same as `base_url`."""
        return self.base_url

    @property
    def received(self) -> list[Received]:
        """The requests so far, oldest first; the oldest are forgotten after 200,000."""
        return list(self._interceptor.received)

    @property
    def peak(self) -> Counter[str]:
        """The highest number of requests served at once, per kind and under "all"; see `latency`."""
        return Counter(self._interceptor.peak)

    @property
    def in_flight_peak(self) -> int:
        """The highest number of tasks that were unfinished at once."""
        return self.ledger.unfinished_peak

    @property
    def tasks(self) -> Mapping[str, TaskRecord]:
        """Every accepted task by its id, oldest first."""
        return MappingProxyType(self._tasks)

    @property
    def leaked_keys(self) -> int:
        """How many requests to the result host carried an Authorization header."""
        return self._results.leaked_keys

    @property
    def callbacks_waiting(self) -> int:
        """How many callbacks are still to be sent, or to be repeated."""
        return self._post.waiting if self._post is not None else 0

    async def _start(self, stack: AsyncExitStack) -> None:
        stack.callback(self._studio.close)
        vendor = self._vendor()
        post = self._post = CallbackPost(
            self.clock,
            vendor.reply_of,
            send_to=self.callbacks_to,
            verify_tls=not self.allow_private_callbacks,
        )
        api = Api(vendor, post.announce)
        files = FileService(self.clock, self._files, vendor.authenticate, lambda: self.results_url)
        api_app = _application(json_errors, api.open_calls())
        api.add_routes(api_app, self._interceptor)
        files.add_routes(api_app, self._interceptor)
        results_app = _application()
        self._results.add_routes(results_app, self._interceptor)
        self.base_url = await self._serve(stack, api_app, self.port)
        self.results_url = self._results.origin = await self._serve(stack, results_app, self.results_port)
        postman = asyncio.create_task(post.run(), name="evolink-emulator-callbacks")
        stack.push_async_callback(_end, postman)
        # Last in, first out: what hangs must end before the servers wait for it.
        stack.callback(self._interceptor.close)

    def _vendor(self) -> Vendor:
        house = House(
            api_keys=frozenset(self.api_keys),
            seed=self.seed,
            median_seconds=self.median_seconds,
            failure_share=self.failure_share,
            batch=self.batch,
            idempotency=self.idempotency,
            allow_private_callbacks=self.allow_private_callbacks,
            strict_fields=self.strict_fields,
            denied_models=self.denied_models,
        )
        return Vendor(house, self.clock, self.ledger, self._results.link_to, Catalogue(), self._tasks)

    async def _serve(self, stack: AsyncExitStack, app: web.Application, port: int) -> str:
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self.host, port).start()
        listening_on = runner.addresses[0][1]
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{listening_on}"


def _application(*middlewares: Middleware) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.append(add_request_id)
    return app


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _require_extra() -> None:
    missing = [name for name in _EXTRA_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"the emulator needs {', '.join(missing)}; run: pip install 'evolink-async[emulator]'")
