"""The API key, wrapped so that it shows itself to nobody but the wire.

Nothing here reads the environment or sends anything.
"""

from __future__ import annotations

import hashlib
from typing import NoReturn

from ..errors import ConfigurationError


class ApiKey:
    """An API key that repr, str, format and pickle do not show.

    Raises:
        ConfigurationError: The key is empty, or holds a space or a character no HTTP header may carry.
    """

    __slots__ = ("_text", "fingerprint")

    def __init__(self, text: str) -> None:
        text = text.strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError("the API key must be printable ASCII without spaces; check EVOLINK_API_KEY")
        self._text = text
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:8]

    def authorization(self) -> str:
        """The value of the Authorization header; the one place that shows the key."""
        return f"Bearer {self._text}"

    def scrub(self, text: bytes) -> bytes:
        """Blank out this key in bytes that came from outside, should they echo it.

        Stand-ins of tests, shorter than any real key, are left: they would match by chance.
        """
        if len(self._text) < 12:
            return text
        for form in (self._text, self._text.replace("/", "\\/")):  # as it is, and as some write it in JSON
            text = text.replace(form.encode(), b"***")
        return text

    def __repr__(self) -> str:
        return f"ApiKey(fingerprint={self.fingerprint!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled; build the pool anew where it is needed")
