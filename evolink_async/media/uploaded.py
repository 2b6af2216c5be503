"""The description of an uploaded file.

Uploading is in `uploads`.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Upload:
    """A file at the file service, with a link that models take.

    Attributes:
        file_id: The service's id of the file; None if the service named none.
        url: The link.
        sha256: The SHA-256 of its bytes, in hex; None if the service fetched the file from a URL.
        size_bytes: Its size; None if the service fetched it and named no size.
        mime_type: The media type that the service found; None if the service named none.
        expires_at: Unix seconds when the link expires, 72 hours after the upload.
        uploaded_at: Unix seconds when the file was uploaded.
    """

    file_id: str | None
    url: str
    sha256: str | None
    size_bytes: int | None
    mime_type: str | None
    expires_at: float
    uploaded_at: float
