"""From a task to its end."""

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
