"""Where jobs are written down, before money is spent and before an outcome is told."""

from .entries import Intent, Known
from .memory import MemoryJournal
from .protocol import Journal

__all__ = (
    "Intent",
    "Journal",
    "Known",
    "MemoryJournal",
)
