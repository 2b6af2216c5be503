"""What tells one version of a result file from another: the ETag, the date of the last change, and the size.

Values only. Bytes of two versions must not be mixed, also not by two runs: `part_version` keeps the version on the
disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

import attrs


@attrs.frozen
class FileVersion:
    """What a host has told of one version of its file.

    Attributes:
        etag: The ETag, also a weak one; empty if the host names none.
        last_modified: The date of the last change; empty if the host names none.
        size_bytes: Size of the whole file; None if the host does not tell.
    """

    etag: str = ""
    last_modified: str = ""
    size_bytes: int | None = None

    @classmethod
    def of_headers(cls, headers: Mapping[str, str], size_bytes: int | None) -> Self:
        """Return what the headers of an answer tell.

        Args:
            headers: The headers.
            size_bytes: Size of the whole file, as the answer tells it.
        """
        return cls(_clean(headers.get("ETag", "")), _clean(headers.get("Last-Modified", "")), size_bytes)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `text` has written; another text is an ETag or a date alone."""
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        match read:
            case [str(etag), str(last_modified), int() | None as size_bytes]:
                return cls(_clean(etag), _clean(last_modified), size_bytes)
            case _:
                return cls(etag=_clean(text)) if text.startswith('"') else cls(last_modified=_clean(text))

    @property
    def text(self) -> str | None:
        """The version as one line of ASCII; None if a part of this version could not be asked for."""
        return json.dumps([self.etag, self.last_modified, self.size_bytes]) if self.condition else None

    @property
    def condition(self) -> str | None:
        """What a request for a part names in `If-Range`: a strong ETag, else the date; None if there is neither."""
        # If-Range takes no weak ETag (W/"..."): files under one weak ETag may differ in bytes.
        # Source: RFC 9110, section 13.1.5.
        return self.etag if self.etag.startswith('"') else self.last_modified or None

    def is_that_of(self, part: FileVersion) -> bool:
        """Whether a part of a file (206) belongs to this version, by what the host tells of the part.

        1. Whatever differs from what is known shows another version.
        2. A part for which the host names an ETag or a date must share one with this version. A host that has an ETag
           names it in both answers, so a part with a new one is of another file (RFC 9110, section 15.3.7).
        3. A part without both is believed if the size of the whole file is the same.
        """
        pairs = ((self.etag, part.etag), (self.last_modified, part.last_modified), (self.size_bytes, part.size_bytes))
        if any(known and told and known != told for known, told in pairs):
            return False
        if part.etag or part.last_modified:
            return any(known and known == told for known, told in pairs[:2])
        return self.size_bytes is not None and self.size_bytes == part.size_bytes


def _clean(value: str) -> str:
    """Return a value that may be sent as a header; an empty text for one that may not."""
    return value if value.isascii() and value.isprintable() else ""
