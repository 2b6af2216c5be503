"""What users meet, and what holds it together.

The rules are in the other rooms; here they are put together.
"""

from .callbacks import Callback, Callbacks, TakeCallback
from .session_pool import SessionPool
from .stats import Stats
from .streams import AllOutcomes, OutcomeStream, SnapshotStream, UrlStream

__all__ = (
    "AllOutcomes",
    "Callback",
    "Callbacks",
    "OutcomeStream",
    "SessionPool",
    "SnapshotStream",
    "Stats",
    "TakeCallback",
    "UrlStream",
)
