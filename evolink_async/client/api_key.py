"""The API key, in an object that hides it from repr, logs and pickle.

The key is read from the environment in `pool`, and sent in `transport`.
"""

from __future__ import annotations

import hashlib
from typing import NoReturn

from ..errors import ConfigurationError

# Keys of the service are longer. A shorter one, as tests use, would match ordinary text of an answer.
SHORTEST_SCRUBBED = 12
"""Characters that a key must have to be removed from answers."""
SHORTEST_CUT = 4
"""Characters of a key that are removed at the end of an answer that broke off."""


class ApiKey:
    """An API key that repr, str, format and pickle do not show.

    Attributes:
        fingerprint: The first 8 hex digits of the SHA-256 of the key: it tells keys apart without showing them.

    Raises:
        ConfigurationError: The key is empty, or has a space or a character that no HTTP header can carry.
    """

    __slots__ = ("_scrubbed", "_text", "fingerprint")

    def __init__(self, text: str) -> None:
        text = text.strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError("the API key must be printable ASCII without spaces; check EVOLINK_API_KEY")
        self._text = text
        # JSON allows to write "/" as "\/", and some encoders do.
        forms = {text, text.replace("/", "\\/")} if len(text) >= SHORTEST_SCRUBBED else ()
        self._scrubbed = tuple(form.encode() for form in forms)
        self.fingerprint: str = hashlib.sha256(text.encode()).hexdigest()[:8]

    def authorization(self) -> str:
        """Return the value of the Authorization header: the only method that shows the key."""
        return f"Bearer {self._text}"

    def scrub(self, text: bytes) -> bytes:
        """Replace the key by `***` in bytes of an answer, as a service or proxy may echo it.

        Keys of less than 12 characters are not replaced.
        """
        for form in self._scrubbed:
            text = text.replace(form, b"***")
        return text

    def scrub_cut(self, text: bytes) -> bytes:
        """Replace the key by `***` in what came of an answer that broke off, also where the key itself is cut."""
        text = self.scrub(text)
        for form in self._scrubbed:
            for length in range(len(form) - 1, SHORTEST_CUT - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + b"***"
        return text

    def __repr__(self) -> str:
        return f"ApiKey(fingerprint={self.fingerprint!r})"

    # Reached by pickle, copy and deepcopy alike.
    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled; build the pool anew where it is needed")
