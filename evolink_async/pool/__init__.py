"""What users meet, and what holds it together."""

from .session_pool import SessionPool
from .stats import Stats
from .streams import OutcomeStream, SnapshotStream, UrlStream

__all__ = (
    "OutcomeStream",
    "SessionPool",
    "SnapshotStream",
    "Stats",
    "UrlStream",
)
