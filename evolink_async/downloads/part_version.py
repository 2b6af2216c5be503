"""The file beside a part file that holds the host's version of the bytes: ETag, date of the last change, and size.

Bytes of two versions must not be mixed, also not by two runs. How versions are compared is in `file_version`.
"""

from __future__ import annotations

from contextlib import suppress

from .folder import Folder

MAX_VERSION_BYTES = 512
"""Longest version that is kept; those of result hosts have about 90 bytes."""


class VersionFile:
    """A small file that holds one version.

    Args:
        folder: Where it is.
        name: Its name.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name

    def read(self) -> str | None:
        """Return the version; None if the file is missing or unreadable."""
        # Parts of it are sent as headers: a planted file must not add a line of its own to a request.
        with suppress(OSError, ValueError), self._folder.open(self._name) as file:
            version = file.read(MAX_VERSION_BYTES + 1).decode("ascii")
            return version if version.isprintable() and 0 < len(version) <= MAX_VERSION_BYTES else None
        return None

    def write(self, version: str | None) -> None:
        """Write the version into a new file; a version that `read` would refuse is not written."""
        if version is not None and version.isascii() and len(version) <= MAX_VERSION_BYTES:
            with self._folder.open(self._name, "xb") as file:
                file.write(version.encode())

    def remove(self) -> None:
        """Remove the file if it exists."""
        self._folder.remove(self._name)
