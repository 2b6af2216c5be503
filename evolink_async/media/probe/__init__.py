"""Measuring files by their content. All functions block: call them in a worker thread.

The facts are compared with the rules of models in `media.rules`.
"""

from .errors import UnreadableError
from .measure import measure, missing_libraries
from .opening import opened
from .signatures import UNKNOWN

__all__ = (
    "UNKNOWN",
    "UnreadableError",
    "measure",
    "missing_libraries",
    "opened",
)
