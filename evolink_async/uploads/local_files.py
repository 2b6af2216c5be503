"""The local files of a job: measured before the job gets its key, uploaded before the job is submitted.

What a file must be is checked in `preflight`; how files are uploaded is in `uploads`.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

import attrs

from ..client import Session
from ..jobs import Job
from ..media import LocalMedia
from ..params import AnyParams, Params, local_media, with_media
from .media_check import billed_input_seconds, input_seconds
from .preflight import Preflight
from .uploads import Uploads

W = TypeVar("W", bound="Job | AnyParams")


class LocalFiles:
    """Replaces local files in parameters, first by their digests, then by links.

    Args:
        preflight: Measures the files.
        uploads: Uploads them.
    """

    def __init__(self, preflight: Preflight, uploads: Uploads) -> None:
        self._preflight = preflight
        self._uploads = uploads

    async def with_digests(self, item: W) -> W:
        """Return a job or parameters with the digests of their local files.

        The key and the journal entry of a job are made from the digests: equal content is the same job, wherever the
        files are.

        Raises:
            PreflightError: Files are missing, or break the rules of the model; the error lists all of them.
        """
        params = item.params if isinstance(item, Job) else item
        if not isinstance(params, Params) or not local_media(params):
            return item
        params = await self._preflight.with_digests(params)
        return cast("W", attrs.evolve(item, params=params) if isinstance(item, Job) else params)

    async def with_urls(self, params: AnyParams, session: Session) -> AnyParams:
        """Return the parameters with a link in place of each local file. The files are uploaded concurrently.

        Raises:
            EvolinkError: A file could not be uploaded. The links of the others are recorded for the next try.
        """
        files = local_media(params)
        # All uploads are awaited even if one fails: what has been sent of the others should not be lost.
        uploads = await asyncio.gather(*(self._uploads.host(file, session) for file in files), return_exceptions=True)
        urls: dict[LocalMedia, LocalMedia | str] = {}
        for file, upload in zip(files, uploads, strict=True):
            if isinstance(upload, BaseException):
                raise upload
            urls[file] = upload.url
        return with_media(params, urls)

    def billed_seconds(self, params: AnyParams) -> float | None:
        """Return the seconds of input that are billed on top of the output; None unless all inputs were measured."""
        return billed_input_seconds(params, self._preflight.facts_of(params))

    def input_seconds(self, params: AnyParams) -> tuple[float, float] | None:
        """Return the fewest and the most seconds of input videos that the price may depend on; see `media_check`."""
        return input_seconds(params, self._preflight.facts_of(params))
