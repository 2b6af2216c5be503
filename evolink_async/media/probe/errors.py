"""The error of a file that cannot be measured.

A file that breaks the rules of a model is not an error here, see `media.rules`.
"""

from __future__ import annotations

BROKEN = "is cut off or damaged"
"""The message about a file that its library cannot decode at all."""


class UnreadableError(ValueError):
    """A file cannot be measured. The message continues a sentence that begins with the file, as in "is empty"."""
