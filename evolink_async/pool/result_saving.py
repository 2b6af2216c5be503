"""From the arguments `download_to`, `name` and `path` to a `Downloads`.

How files are saved is in `downloads`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import anyio.to_thread

from ..client import HttpOptions
from ..downloads import Downloads, Exactly, Folder, Template, place_of
from ..errors import ConfigurationError
from ..jobs import Completed
from ..settings import RetryPolicy
from .engine import Engine
from .work import Save

PathLike: TypeAlias = "str | Path"


def save_to(
    folder: PathLike | None, name: str | None, engine: Engine, policy: RetryPolicy, http: HttpOptions
) -> Save | None:
    """Return what saves the results of a run; None if nothing is to be saved.

    Raises:
        ConfigurationError: The folder cannot be made or written to, or the template is not valid.
    """
    template = Template(name) if name is not None else None
    if folder is not None:
        return _downloads(Path(folder), template, engine, policy, http).save
    if template is not None:
        raise ConfigurationError("a name for files needs a folder for them: give download_to too")
    return None


async def fetch_to(
    path: PathLike, completed: Completed, engine: Engine, policy: RetryPolicy, http: HttpOptions
) -> Completed:
    """Download the results of one job into a folder, or to a file.

    Raises:
        DownloadError: A result could not be read or saved.
        ConfigurationError: The folder cannot be made or written to.
    """
    # Making and probing the folder blocks, so it is done in a thread.
    folder, name = place_of(path)
    downloads = await anyio.to_thread.run_sync(_downloads, folder, name, engine, policy, http)
    return await downloads.fetch(completed)


def _downloads(
    folder: Path, template: Template | Exactly | None, engine: Engine, policy: RetryPolicy, http: HttpOptions
) -> Downloads:
    return Downloads(
        Folder(folder),
        engine.result_reader,
        engine.downloads,
        template=template,
        policy=policy,
        poll=engine.task_waits.poll,
        max_bytes=http.max_download_bytes,
        journal=engine.journal,
        published=engine.published,
        emit=engine.emit,
    )
