"""The command `upload`: uploads files, from this machine or from a URL, and shows the links that models accept.

Nothing is submitted, so nothing is paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ...errors import ConfigurationError, EvolinkError
from ...events import Event, Uploaded, Uploading
from ...media import Upload
from ...pool import SessionPool
from ..exit_codes import FAILED, OK
from ..inputs.service import Service
from ..output.outcomes import error_object
from ..output.terminal import Terminal


def upload(sources: Sequence[str], service: Service, terminal: Terminal, *, journal: Path | None, as_json: bool) -> int:
    """Upload each file and show its link; return the exit code.

    Args:
        sources: Paths, or http(s) URLs that the service is to fetch.
        service: The service to upload to.
        terminal: Where the links are printed.
        journal: Journal file that keeps the links; a file whose link is in it is not sent again. None for no journal.
        as_json: Print JSON on a terminal too.

    Raises:
        ConfigurationError: A name is empty, there is no API key, or an address is invalid.
        JournalError: The journal cannot be used.
    """
    if "" in sources:
        raise ConfigurationError("the name of a file to upload is empty")
    bars = UploadBars(terminal)
    pool = service.pool(journal=journal, observer=bars)
    shown = attrs.evolve(terminal, shows_tables=terminal.shows_tables and not as_json)
    with bars.progress:
        # A file named twice is sent and shown once.
        return asyncio.run(_upload_all(pool, list(dict.fromkeys(sources)), shown))


async def _upload_all(pool: SessionPool, sources: Sequence[str], terminal: Terminal) -> int:
    code = OK
    async with pool:
        # In the order they end: a link is useful before the others are there.
        for next_result in asyncio.as_completed([_upload(pool, source) for source in sources]):
            source, result = await next_result
            _show(source, result, terminal)
            code = FAILED if isinstance(result, EvolinkError) else code
    return code


async def _upload(pool: SessionPool, source: str) -> tuple[str, Upload | EvolinkError]:
    # Only these schemes: a Windows path, as C:\clip.mp4, looks like a URL too.
    is_link = source.lower().startswith(("http://", "https://"))
    try:
        return source, await pool.upload(source if is_link else Path(source))
    except EvolinkError as error:
        return source, error


def _show(source: str, result: Upload | EvolinkError, terminal: Terminal) -> None:
    if not terminal.shows_tables:
        terminal.json_line(upload_object(source, result))
    if isinstance(result, EvolinkError):
        terminal.error(f"{source}: {result}", result.advice)
    elif terminal.shows_tables:
        until = datetime.fromtimestamp(result.expires_at).astimezone()
        terminal.say(f"{source}: {result.url} (until {until:%Y-%m-%d %H:%M})")


def upload_object(source: str, result: Upload | EvolinkError) -> dict[str, object]:
    """Return the result of an upload as a JSON object."""
    done = result if isinstance(result, Upload) else None
    return {
        "source": source,
        "url": done.url if done else None,
        "file_id": done.file_id if done else None,
        "sha256": done.sha256 if done else None,
        "size_bytes": done.size_bytes if done else None,
        "mime_type": done.mime_type if done else None,
        "expires_at": done.expires_at if done else None,
        "error": error_object(result) if isinstance(result, EvolinkError) else None,
    }


class UploadBars:
    """An observer that shows a progress bar for each upload, if standard error is a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        # transient: the bars are removed at the end, and the links stay.
        self.progress: Progress = Progress(
            *columns, console=terminal.err, transient=True, disable=not terminal.shows_progress
        )
        self._bars: dict[str, TaskID] = {}

    def __call__(self, event: Event, /) -> None:
        """Update the bar of a file, or remove it at the end."""
        if isinstance(event, Uploading):
            if event.source not in self._bars:
                name = Path(event.source).name[-30:]
                self._bars[event.source] = self.progress.add_task(name, total=event.total_bytes)
            self.progress.update(self._bars[event.source], completed=event.sent_bytes)
        # A file that was sent before, or is fetched by the service, has no bar.
        elif isinstance(event, Uploaded) and event.source in self._bars:
            self.progress.remove_task(self._bars.pop(event.source))
