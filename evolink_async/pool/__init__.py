"""What users meet, and what holds it together."""

from .session_pool import SessionPool
from .stats import Stats
from .streams import AllOutcomes, OutcomeStream, SnapshotStream, UrlStream

__all__ = (
    "AllOutcomes",
    "OutcomeStream",
    "SessionPool",
    "SnapshotStream",
    "Stats",
    "UrlStream",
)
