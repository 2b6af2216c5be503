"""From a task to its end."""

from .poller import Poller, looked
from .schedule import Schedule
from .watched_task import Account, InFlight, Watcher

__all__ = (
    "Account",
    "InFlight",
    "Poller",
    "Schedule",
    "Watcher",
    "looked",
)
