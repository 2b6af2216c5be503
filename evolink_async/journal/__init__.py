"""The record of jobs: written before money is spent and before an outcome is returned.

The calls are in `protocol`; `memory`, `sqlite` and `postgres` are the three kinds of journal. The last two are imported
only by a pool that uses them.
"""

from .address import check_address, is_address, looks_like_address, missing_extra
from .entries import SETTLEMENTS, Bought, Found, Intent, Known, Sent, Untold, end_of
from .facts import Fact, LentChunk, SharedFacts
from .job_rows import intent_of, job_of
from .memory import MemoryJournal
from .protocol import Journal

__all__ = (
    "SETTLEMENTS",
    "Bought",
    "Fact",
    "Found",
    "Intent",
    "Journal",
    "Known",
    "LentChunk",
    "MemoryJournal",
    "Sent",
    "SharedFacts",
    "Untold",
    "check_address",
    "end_of",
    "intent_of",
    "is_address",
    "job_of",
    "looks_like_address",
    "missing_extra",
)
