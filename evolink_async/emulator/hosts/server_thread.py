"""The thread that runs the servers for synchronous code, in an event loop of its own.

What the servers serve is in `servers`.
"""

from __future__ import annotations

from contextlib import ExitStack

from anyio.from_thread import start_blocking_portal
from attrs import define, field

from .servers import Servers


@define(eq=False)
class ServerThread:
    """Starts and stops servers in a daemon thread."""

    _stack: ExitStack | None = field(default=None, init=False)

    @property
    def was_started(self) -> bool:
        """Whether it has started servers, also after they have stopped."""
        return self._stack is not None

    def start(self, servers: Servers) -> None:
        """Start servers, and wait until they listen; the thread ends again if they cannot.

        Raises:
            OSError: A port is taken.
            RuntimeError: They were started before.
        """
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio", name="evolink-emulator"))
            portal.call(servers.start)
            stack.callback(portal.call, servers.aclose)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop the servers and end the thread; does nothing if there is none."""
        if self._stack is not None:
            # An empty stack when it has closed before.
            self._stack.close()
