"""What a file is, found out by its content. Everything here blocks: call it in a worker thread.

Nothing is judged here: see `media.rules`.
"""

from .errors import UnreadableError
from .measure import measure
from .opening import opened
from .signatures import UNKNOWN

__all__ = (
    "UNKNOWN",
    "UnreadableError",
    "measure",
    "opened",
)
