"""What a pool does with files: download results, upload inputs.

How files are saved is in `downloads`, how they are sent in `uploads`.
"""

from __future__ import annotations

from pathlib import Path

from ..jobs import Completed
from ..media import Upload
from ..uploads import Source
from .arguments import Settings
from .existing_tasks import ExistingTasks
from .job_waits import with_working_links
from .result_saving import fetch_to


class FileTransfers(ExistingTasks):
    """The methods of a pool that move files. All are free of charge."""

    _settings: Settings

    async def download(self, completed: Completed, path: str | Path) -> Completed:
        """Download the results of a completed job, and note in the journal where they are. Free of charge.

        Args:
            completed: The job, from this or an earlier run. Links that have expired are asked for again.
            path: A folder (an existing one, or a path that ends with a slash), in which files are named as in `run`; or
                the path of a file. Nothing is overwritten: if the name is taken, the next free one is used, as
                `film-2.mp4`. Only what a call that was cut short has left of this very result is kept.

        Returns:
            The job with its `files`.

        Raises:
            DownloadError: A result could not be read or saved; those before it are saved.
            ConfigurationError: The folder cannot be made or written to.
        """
        engine = self._open_engine()
        completed = await with_working_links(engine, completed)
        return await fetch_to(path, completed, engine, self._settings.retry, self._settings.http)

    async def upload(self, source: Source, *, file_name: str | None = None) -> Upload:
        """Upload a file, which the service keeps for 72 hours. Free of charge, and safe to repeat.

        Content that was uploaded before is not sent again while its link works for another 6 hours; the journal knows
        the link.

        Args:
            source: A `Path` of up to 100 MB, bytes of up to 10 MB, or an http(s) URL that the service fetches.
            file_name: The name of the file. Default: the last part of its path. The stored name begins with a part of
                the digest.

        Raises:
            UploadError: The file cannot be read, the service refuses it, or all tries failed.
            StatusError: All keys are refused (401, 402, 403).
            ConfigurationError: `source` has another type, or the pool is not open in this event loop.
        """
        engine = self._open_engine()
        return await engine.uploads.upload_with_any_key(engine.sessions, source, file_name)
