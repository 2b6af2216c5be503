"""The error of a file that cannot be measured.

A file that breaks the rules of a model is not an error here, see `media.rules`.
"""

from __future__ import annotations


class UnreadableError(ValueError):
    """A file cannot be measured. The message continues a sentence that begins with the file, as in "is empty"."""
