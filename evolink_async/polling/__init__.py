"""From an accepted task to its end: when to poll, which tasks share a request, and what an answer means.

HTTP is in `client`; what a pool does with an ended task is in `pool`.
"""

from .poller import Poller, status_answered
from .schedule import Schedule
from .watched_task import Account, WatchedTask, Watcher
from .watchlist import Watchlist

__all__ = (
    "Account",
    "Poller",
    "Schedule",
    "WatchedTask",
    "Watcher",
    "Watchlist",
    "status_answered",
)
