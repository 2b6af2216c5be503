"""The uploads that a journal in memory knows, by the digests of their contents.

How files are uploaded is in `uploads`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..media import Upload


class KeptUploads:
    """The latest upload of each content; those that have expired are dropped when another one comes."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}

    def find(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Return the uploads of the contents with these digests, expired or not."""
        return {sha256: self._uploads[sha256] for sha256 in sha256s if sha256 in self._uploads}

    def add(self, upload: Upload) -> None:
        """Keep an upload, and drop the oldest ones that have expired. One without a digest cannot be found again."""
        if upload.sha256 is None:
            return
        # Removed first, so that the dictionary is in the order of the uploads.
        self._uploads.pop(upload.sha256, None)
        self._uploads[upload.sha256] = upload
        # Stops at the new upload at the latest; if even that one has expired, nothing is dropped.
        while (oldest := next(iter(self._uploads.values()))).expires_at <= upload.uploaded_at < upload.expires_at:
            self._uploads.pop(str(oldest.sha256))
