"""The `Emulator`: the public class, which starts the servers and shows what they have recorded.

Its settings are in `settings`; the servers are in `hosts.servers`.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import Self

import anyio.to_thread
from attrs import Factory, field, frozen

from ..version import how_to_install
from .client_arguments import ClientArguments, client_arguments
from .faults.script import FaultScript
from .hosts.dashboard import PATH as DASHBOARD_PATH
from .hosts.interceptor import Received
from .hosts.server_thread import ServerThread
from .hosts.servers import Servers
from .service.ledger import VendorLedger
from .service.task import TaskRecord
from .settings import EmulatorSettings

_EXTRA_PACKAGES = ("av", "PIL", "jsonschema")


def _new_ledger(emulator: Emulator) -> VendorLedger:
    return VendorLedger(emulator.credits, emulator.clock.now)


def _new_servers(emulator: Emulator) -> Servers:
    return Servers(emulator, emulator.faults, emulator.ledger)


# Inherits from its settings, so that a new setting is one edit, and callers still pass typed keyword arguments.
@frozen(eq=False, kw_only=True)
class Emulator(EmulatorSettings):
    """A local EvoLink: strict, reproducible, and able to inject faults.

    The keyword arguments are those of `EmulatorSettings`. Three ways to run one:

    - `async with Emulator() as emulator`, in the event loop of the caller;
    - `with Emulator().in_thread() as emulator`, in a thread of its own, for synchronous code;
    - `start()` and `stop()`, in a thread of its own too, for notebooks, where no block spans two cells.

    An emulator runs once. Its figures (`ledger`, `received`, `tasks`, `peak`) may be read from any thread, also after
    it has stopped.

    Attributes:
        faults: The fault script; see the module `faults`.
        ledger: The credits of the account, and what was paid.
    """

    faults: FaultScript = field(factory=FaultScript, init=False, repr=False)
    ledger: VendorLedger = field(default=Factory(_new_ledger, takes_self=True), init=False)
    _servers: Servers = field(default=Factory(_new_servers, takes_self=True), init=False)
    _thread: ServerThread = field(factory=ServerThread, init=False, repr=False)

    async def __aenter__(self) -> Self:
        """Start both servers in the running event loop.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken.
            RuntimeError: It was started before.
        """
        _require_extra()
        await self._servers.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both servers."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close both servers; requests that a fault holds back end, and renderings stop. A second call does nothing."""
        if self._thread.was_started:
            # The servers belong to the event loop of that thread.
            await anyio.to_thread.run_sync(self._thread.stop)
        else:
            await self._servers.aclose()

    def start(self) -> Self:
        """Start both servers in a daemon thread with an event loop of its own, and return the emulator.

        It waits until the servers listen, which takes about 0.1 s. It may be called where an event loop runs, as in a
        notebook. The emulator runs until `stop` is called or the process ends.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken; `start` may be called again.
            RuntimeError: It was started before.
        """
        # Checked before the thread starts, so that the caller gets the error itself.
        _require_extra()
        self._thread.start(self._servers)
        return self

    def stop(self) -> None:
        """Stop what `start` has started, and wait until its thread has ended. A second call does nothing.

        Raises:
            RuntimeError: It runs in an `async with` block, which closes it.
        """
        if self._servers.is_running and not self._thread.was_started:
            raise RuntimeError("this emulator runs in an `async with` block, which closes it; so does `await aclose()`")
        self._thread.stop()

    @contextmanager
    def in_thread(self) -> Generator[Self]:
        """Call `start`, and `stop` at the end of the block.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken.
            RuntimeError: It was started before.
        """
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def client(self) -> ClientArguments:
        """Return keyword arguments for `SessionPool`: keys, addresses, and settings that suit this emulator.

        `SessionPool(**emulator.client())` polls at the speed of the emulator and downloads from this machine.
        `retry`, `limits`, `journal`, `budget` and `observer` may be given beside it.

        Raises:
            RuntimeError: It is not running, so it has no address.
        """
        if not self._servers.is_running:
            # Without an address a pool would use the real service.
            raise RuntimeError("the emulator is not running: call start(), or use it in an `async with` block")
        return client_arguments(
            api_keys=tuple(self.api_keys),
            base_url=self.base_url,
            files_url=self.files_url,
            clock=self.clock,
            median_seconds=self.median_seconds,
        )

    @property
    def base_url(self) -> str:
        """Base URL of the API and the file service; empty before the start."""
        return self._servers.base_url

    @property
    def files_url(self) -> str:
        """Base URL of the file service: the same as `base_url`."""
        return self.base_url

    @property
    def results_url(self) -> str:
        """Base URL of the result host; empty before the start."""
        return self._servers.results_url

    @property
    def dashboard_url(self) -> str:
        """Address of a page of text with its tasks, newest first; it needs no key. Empty before the start."""
        return self.base_url and self.base_url + DASHBOARD_PATH

    @property
    def received(self) -> list[Received]:
        """The latest 200,000 requests, oldest first."""
        return list(self._servers.interceptor.received)

    @property
    def peak(self) -> Counter[str]:
        """The highest number of requests served at the same time, per kind and for "all"; see `latency`."""
        return Counter(self._servers.interceptor.peak)

    @property
    def serving(self) -> Counter[str]:
        """The number of requests that are being served, per kind and for "all"; those whose caller has died count."""
        return Counter(self._servers.interceptor.serving)

    @property
    def in_flight_peak(self) -> int:
        """The highest number of tasks that were unfinished at the same time."""
        return self.ledger.unfinished_peak

    @property
    def tasks(self) -> Mapping[str, TaskRecord]:
        """Every accepted task by its id, oldest first."""
        return MappingProxyType(self._servers.tasks)

    @property
    def leaked_keys(self) -> int:
        """Number of requests to the result host that carried an Authorization header."""
        return self._servers.results.leaked_keys

    @property
    def callbacks_waiting(self) -> int:
        """Number of callbacks that are still to be sent, retries included."""
        callbacks = self._servers.callbacks
        return callbacks.waiting if callbacks is not None else 0


def _require_extra() -> None:
    # find_spec, because an import would load PyAV and Pillow before they are needed.
    missing = [name for name in _EXTRA_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"the emulator needs {', '.join(missing)}; {how_to_install('emulator')}")
