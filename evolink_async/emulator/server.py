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

from anyio.from_thread import start_blocking_portal
from attrs import Factory, field, frozen

from .faults.script import FaultScript
from .hosts.interceptor import Received
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

    The keyword arguments are those of `EmulatorSettings`. An async context manager; `in_thread()` does the same
    for synchronous code. An emulator runs once. Its figures (`ledger`, `received`, `tasks`, `peak`) may be read
    from any thread, also after it has closed.

    Attributes:
        faults: The fault script; see the module `faults`.
        ledger: The credits of the account, and what was paid.
    """

    faults: FaultScript = field(factory=FaultScript, init=False, repr=False)
    ledger: VendorLedger = field(default=Factory(_new_ledger, takes_self=True), init=False)
    _servers: Servers = field(default=Factory(_new_servers, takes_self=True), init=False)

    async def __aenter__(self) -> Self:
        """Start both servers.

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
        """Close both servers; requests that a fault holds back end, and renderings stop."""
        await self._servers.aclose()

    @contextmanager
    def in_thread(self) -> Generator[Self]:
        """Run in an event loop of its own, in a daemon thread, for synchronous code and for other event loops.

        Raises:
            ImportError: The extra `emulator` is not installed.
            OSError: A port is taken.
            RuntimeError: It was started before.
        """
        # Checked before the thread starts, so that the caller gets the error itself.
        _require_extra()
        with start_blocking_portal("asyncio", name="evolink-emulator") as portal:
            portal.call(self.__aenter__)
            try:
                yield self
            finally:
                portal.call(self.aclose)

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
    def received(self) -> list[Received]:
        """The latest 200,000 requests, oldest first."""
        return list(self._servers.interceptor.received)

    @property
    def peak(self) -> Counter[str]:
        """The highest number of requests served at the same time, per kind and for "all"; see `latency`."""
        return Counter(self._servers.interceptor.peak)

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
        raise ImportError(f"the emulator needs {', '.join(missing)}; run: pip install 'evolink-async[emulator]'")
