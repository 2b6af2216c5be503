"""A file that is at the file service.

How it gets there is in `uploads`.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Upload:
    """A file at the file service, under a link that models take.

    Attributes:
        file_id: The service's id of it; None if it did not say.
        url: The link.
        sha256: The digest of its bytes, in hex; None when the service fetched them itself.
        size_bytes: Its length; None when the service fetched it and did not say.
        mime_type: What the service takes it for; None if it did not say.
        expires_at: Unix seconds when the link stops working, 72 hours after the upload.
        uploaded_at: Unix seconds when it was uploaded.
    """

    file_id: str | None
    url: str
    sha256: str | None
    size_bytes: int | None
    mime_type: str | None
    expires_at: float
    uploaded_at: float
