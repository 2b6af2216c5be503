"""The local files of a job: measured before it gets its key, uploaded before it is submitted.

What a file must be is `files.preflight`'s business, how one travels that of `files.upload`.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

import attrs

from ..client import Session
from ..jobs import Job
from ..media import LocalMedia
from ..params import AnyParams, Params, local_media, with_media
from .preflight import Preflight, billed_input_seconds
from .uploads import Uploads

W = TypeVar("W", bound="Job | AnyParams")


class LocalFiles:
    """Turns local files into what the service can read.

    Args:
        preflight: Knows what the files are.
        uploads: Knows where they can be read.
    """

    def __init__(self, preflight: Preflight, uploads: Uploads) -> None:
        self._preflight = preflight
        self._uploads = uploads

    async def with_digests(self, item: W) -> W:
        """The wish with the digests of its local files, so that its key and its journal entry go by their content.

        Raises:
            PreflightError: Files are missing, or break the rules of the model; all of them are named.
        """
        params = item.params if isinstance(item, Job) else item
        if not isinstance(params, Params) or not local_media(params):
            return item
        params = await self._preflight.with_digests(params)
        return cast("W", attrs.evolve(item, params=params) if isinstance(item, Job) else params)

    async def with_urls(self, params: AnyParams, session: Session) -> AnyParams:
        """The parameters with a URL in the place of each local file, uploaded side by side.

        Raises:
            EvolinkError: A file could not be uploaded; what could is found again when the job is.
        """
        files = local_media(params)
        uploads = await asyncio.gather(*(self._uploads.host(file, session) for file in files), return_exceptions=True)
        urls: dict[LocalMedia, LocalMedia | str] = {}
        for file, upload in zip(files, uploads, strict=True):
            if isinstance(upload, BaseException):
                raise upload
            urls[file] = upload.url
        return with_media(params, urls)

    def billed_seconds(self, params: AnyParams) -> float | None:
        """Seconds of input that are billed beside the output, when all of it was measured here."""
        return billed_input_seconds(params, self._preflight.facts_of(params))
