"""The command `dashboard`: serves the live page of a journal until Ctrl-C.

The page and its server are in the package's room `report`; how a job is settled is in the command `settle`.
"""

from __future__ import annotations

import asyncio

from ...journal.places import journal_at
from ..exit_codes import OK
from ..output.terminal import Terminal
from .settle import settled


def dashboard(journal: str, port: int, terminal: Terminal) -> int:
    """Serve the page of a journal until the process is told to stop; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        port: The port; 0 takes a free one.
        terminal: Where the address is printed.

    Raises:
        ConfigurationError: The journal does not exist or is empty, the port is taken, or an extra is not installed.
        JournalError: It is not a journal, or its server cannot be reached.
    """
    # A page without jobs would not say why it has none.
    journal_at(journal).count_ends()
    asyncio.run(_serve(journal, port, terminal))
    return OK


async def _serve(journal: str, port: int, terminal: Terminal) -> None:
    from ...report import DashboardServer

    place = journal_at(journal)

    async def settle(key: str, how: str) -> str:
        return await settled(place, key, how)

    async with DashboardServer(journal, port, settle=settle) as server:
        terminal.say(server.address)
        terminal.note("Open this address in a browser on this computer. It holds a secret: do not pass it on.")
        terminal.note("Ctrl-C stops the page; a run that uses the journal goes on.")
        await asyncio.Event().wait()
