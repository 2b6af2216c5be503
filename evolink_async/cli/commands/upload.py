"""The command `upload`: files of this machine, or of somewhere else, to links that models take.

Nothing is submitted, so nothing is paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ...errors import EvolinkError
from ...events import Event, Uploaded, Uploading
from ...media import Upload
from ...pool import SessionPool
from ..inputs.service import Service
from ..output import outcomes as report
from ..output.terminal import Terminal


def upload(sources: Sequence[str], service: Service, terminal: Terminal, *, journal: Path | None, as_json: bool) -> int:
    """Upload each file and show its link; return the exit code.

    Args:
        sources: Paths, or http(s) URLs that the service is to fetch.
        service: Where to.
        terminal: Where to show the links.
        journal: The file that remembers them, or finds them again; None for no memory.
        as_json: Show them as JSON even to a person.

    Raises:
        ConfigurationError: There is no key, or an address is none.
        JournalError: The journal cannot be used.
    """
    bars = Bars(terminal)
    pool = service.pool(journal=journal, observer=bars)
    shown = attrs.evolve(terminal, for_eyes=terminal.for_eyes and not as_json)
    with bars.progress:
        return asyncio.run(_upload_all(pool, list(dict.fromkeys(sources)), shown))


async def _upload_all(pool: SessionPool, sources: Sequence[str], terminal: Terminal) -> int:
    code = report.OK
    async with pool:
        for coming in asyncio.as_completed([_upload(pool, source) for source in sources]):
            source, made = await coming
            _show(source, made, terminal)
            code = report.FAILED if isinstance(made, EvolinkError) else code
    return code


async def _upload(pool: SessionPool, source: str) -> tuple[str, Upload | EvolinkError]:
    is_link = source.lower().startswith(("http://", "https://"))
    try:
        return source, await pool.upload(source if is_link else Path(source))
    except EvolinkError as error:
        return source, error


def _show(source: str, made: Upload | EvolinkError, terminal: Terminal) -> None:
    if not terminal.for_eyes:
        terminal.json_line(upload_object(source, made))
    if isinstance(made, EvolinkError):
        terminal.complain(f"{source}: {made}", made.advice)
    elif terminal.for_eyes:
        until = datetime.fromtimestamp(made.expires_at).astimezone()
        terminal.say(f"{source}: {made.url} (until {until:%Y-%m-%d %H:%M})")


def upload_object(source: str, made: Upload | EvolinkError) -> dict[str, object]:
    """Return the JSON object that tells what became of a file."""
    done = made if isinstance(made, Upload) else None
    return {
        "source": source,
        "url": done.url if done else None,
        "file_id": done.file_id if done else None,
        "sha256": done.sha256 if done else None,
        "size_bytes": done.size_bytes if done else None,
        "mime_type": done.mime_type if done else None,
        "expires_at": done.expires_at if done else None,
        "error": report.error_object(made) if isinstance(made, EvolinkError) else None,
    }


class Bars:
    """Shows how far each upload is, where anybody sees it."""

    def __init__(self, terminal: Terminal) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self.progress = Progress(*columns, console=terminal.err, transient=True, disable=not terminal.is_live)
        self._bars: dict[str, TaskID] = {}

    def __call__(self, event: Event, /) -> None:
        """Move the bar of a file; take it away at the end."""
        if isinstance(event, Uploading):
            if event.source not in self._bars:
                name = Path(event.source).name[-30:]
                self._bars[event.source] = self.progress.add_task(name, total=event.total_bytes)
            self.progress.update(self._bars[event.source], completed=event.sent_bytes)
        elif isinstance(event, Uploaded) and event.source in self._bars:
            self.progress.remove_task(self._bars.pop(event.source))
