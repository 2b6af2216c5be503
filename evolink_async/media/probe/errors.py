"""Why a file could not be looked at.

What breaks the rules of a model is no error here but a fault, see `media`.
"""

from __future__ import annotations


class UnreadableError(ValueError):
    """A file that cannot be measured; the message goes on after its name, as in "is empty"."""
