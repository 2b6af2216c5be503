"""The command `dashboard`: serves the live page of a journal until Ctrl-C.

The page and its server are in the package's room `report`; how a job is settled is in the command `settle`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ...journal.doubts import check_exists
from ...journal.places import JournalInFile
from ..exit_codes import OK
from ..output.terminal import Terminal
from .settle import settled


def dashboard(journal: Path, port: int, terminal: Terminal) -> int:
    """Serve the page of a journal until the process is told to stop; return the exit code.

    Args:
        journal: The journal file.
        port: The port; 0 takes a free one.
        terminal: Where the address is printed.

    Raises:
        ConfigurationError: The journal does not exist or is empty, the port is taken, or the extra `report` is not
            installed.
    """
    check_exists(journal)
    asyncio.run(_serve(journal, port, terminal))
    return OK


async def _serve(journal: Path, port: int, terminal: Terminal) -> None:
    from ...report import DashboardServer

    async def settle(key: str, how: str) -> str:
        return await settled(JournalInFile(journal), key, how)

    async with DashboardServer(journal, port, settle=settle) as server:
        terminal.say(server.address)
        terminal.note("Open this address in a browser on this computer. It holds a secret: do not pass it on.")
        terminal.note("Ctrl-C stops the page; a run that uses the journal goes on.")
        await asyncio.Event().wait()
