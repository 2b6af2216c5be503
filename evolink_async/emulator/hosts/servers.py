"""The two servers of an emulator: the API with the file service, and the result host.

Their routes are in `api`, `file_service` and `result_host`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from aiohttp import web
from aiohttp.typedefs import Middleware
from attrs import define, field

from ..faults import FaultScript
from ..rendering.renderer import Renderer
from ..service.ledger import VendorLedger
from ..service.request_schemas import Catalogue
from ..service.task import TaskRecord
from ..service.vendor import Vendor
from ..settings import EmulatorSettings
from .api import Api
from .callbacks import CallbackSender
from .dashboard import Dashboard
from .file_service import FileService, FileStore, StoredFile
from .interceptor import Interceptor
from .responses import add_request_id, json_errors
from .result_host import ResultHost

# Time for open requests to end on close. Short, because the interceptor has ended those that a fault holds back.
_SHUTDOWN_SECONDS = 0.05


@define(eq=False)
class Servers:
    """Starts and stops the servers, and holds what they record.

    Attributes:
        settings: The settings of the emulator.
        faults: The fault script.
        ledger: The credits of the account.
        base_url: Origin of the API; empty before the start.
        results_url: Origin of the result host; empty before the start.
        tasks: The accepted tasks by id, oldest first.
        interceptor: The wrapper around every route.
        results: The result host.
        callbacks: The sender of callbacks; None before the start.
        is_running: Whether the servers listen.
    """

    settings: EmulatorSettings = field(repr=False)
    faults: FaultScript = field(repr=False)
    ledger: VendorLedger = field(repr=False)
    base_url: str = field(default="", init=False)
    results_url: str = field(default="", init=False)
    tasks: dict[str, TaskRecord] = field(factory=dict[str, TaskRecord], init=False, repr=False)
    interceptor: Interceptor = field(init=False, repr=False)
    results: ResultHost = field(init=False, repr=False)
    callbacks: CallbackSender | None = field(default=None, init=False, repr=False)
    is_running: bool = field(default=False, init=False)
    _files: FileStore = field(factory=dict[str, StoredFile], init=False, repr=False)
    _renderer: Renderer = field(factory=Renderer, init=False, repr=False)
    _stack: AsyncExitStack | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Make the parts whose figures can be read before the start."""
        settings = self.settings
        self.interceptor = Interceptor(self.faults, settings.clock, settings.latency)
        self.results = ResultHost(settings.clock, self.tasks, self._files, self._renderer.render)

    async def start(self) -> None:
        """Start both servers and the sender of callbacks.

        Raises:
            OSError: A port is taken; nothing is left running.
            RuntimeError: It was started before.
        """
        if self._stack is not None:
            raise RuntimeError("an Emulator runs once; make a new one")
        async with AsyncExitStack() as stack:
            await self._start(stack)
            # Pushed last, so closed first: requests that a fault holds back must end before the servers wait for them.
            stack.callback(self.interceptor.close)
            self._stack = stack.pop_all()
            self.is_running = True

    async def aclose(self) -> None:
        """Stop both servers; does nothing before the start."""
        self.is_running = False
        if self._stack is None:
            return
        try:
            await self._stack.aclose()
        finally:
            # Not on the stack, which a start that fails closes too: the next start needs the renderer.
            self._renderer.close()

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        # Made here and not in the constructor: the catalogue loads jsonschema and all schemas.
        vendor = Vendor(settings, self.ledger, self.results.link_to, Catalogue(), self.tasks)
        callbacks = self.callbacks = CallbackSender(
            settings.clock,
            vendor.reply_of,
            send_to=settings.callbacks_to,
            verify_tls=not settings.allow_private_callbacks,
        )
        dashboard = Dashboard(self.tasks, self.ledger, settings.clock)

        def accepted(task: TaskRecord) -> None:
            dashboard.note(task)
            callbacks.schedule(task)

        api = Api(vendor, accepted)
        files = FileService(settings.clock, self._files, vendor.authenticate, lambda: self.results_url)
        api_app = _application(json_errors, api.track_open_calls())
        api.add_routes(api_app, self.interceptor)
        files.add_routes(api_app, self.interceptor)
        dashboard.add_routes(api_app)
        results_app = _application()
        self.results.add_routes(results_app, self.interceptor)
        self.base_url = await self._serve(stack, api_app, settings.port)
        self.results_url = self.results.origin = await self._serve(stack, results_app, settings.results_port)
        sender = asyncio.create_task(callbacks.run(), name="evolink-emulator-callbacks")
        stack.push_async_callback(_cancel, sender)

    async def _serve(self, stack: AsyncExitStack, app: web.Application, port: int) -> str:
        host = self.settings.host
        # A handler is cancelled when its client disconnects, as the Hang and Delay faults need.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        bound_port = runner.addresses[0][1]
        # An IPv6 address needs brackets in a URL.
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{bound_port}"


def _application(*middlewares: Middleware) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.append(add_request_id)
    return app


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    # Raises the error of a task that has failed.
    if not task.cancelled():
        task.result()
