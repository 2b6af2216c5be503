"""Measuring a local file: what it is, and the digest of its bytes. This blocks.

Whether a model takes the file is decided in `media_check`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypeAlias

import attrs

from ..media import MediaFacts, UnreadableError, measure, opened

Identity: TypeAlias = tuple[int, int, int]
"""Size, time of the last change, inode: a file whose identity is the same is taken to be unchanged."""


@attrs.frozen
class MeasuredFile:
    """A local file as it was when it was read.

    Attributes:
        identity: Tells whether the file has changed since.
        facts: What it is.
        sha256: The digest of its bytes, in hex; None if the file is longer than the model takes.
    """

    identity: Identity
    facts: MediaFacts
    sha256: str | None


def measure_file(path: Path, max_bytes: int, known: MeasuredFile | None) -> MeasuredFile:
    """Read a file, unless it is known and unchanged.

    Args:
        path: The file.
        max_bytes: The most that the model takes; a longer file is not hashed.
        known: What an earlier call returned for this path.

    Raises:
        UnreadableError: The file is missing, empty, damaged or not a regular file, or it changes while it is read.
    """
    with opened(path) as file:
        identity = _identity(os.fstat(file.fileno()))
        # A file above the limit is refused anyway. A model with a higher limit may need its digest later.
        needs_digest = identity[0] <= max_bytes
        if known is not None and known.identity == identity and (known.sha256 or not needs_digest):
            return known
        facts = measure(file)
        digest = None
        if needs_digest:
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # A digest of two states of the file would fit neither.
        if _identity(os.fstat(file.fileno())) != identity:
            raise UnreadableError("changes while it is read")
        return MeasuredFile(identity, facts, digest)


def _identity(status: os.stat_result) -> Identity:
    return status.st_size, status.st_mtime_ns, status.st_ino
