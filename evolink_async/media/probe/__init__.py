"""Measuring files by their content. All but those about first bytes block: call them in a worker thread.

The facts are compared with the rules of models in `media.rules`.
"""

from .errors import UnreadableError
from .measure import measure, missing_libraries
from .opening import opened
from .signatures import TEXT, UNKNOWN, format_of, is_media_format

__all__ = (
    "TEXT",
    "UNKNOWN",
    "UnreadableError",
    "format_of",
    "is_media_format",
    "measure",
    "missing_libraries",
    "opened",
)
