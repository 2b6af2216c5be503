"""The events of a pool, which observers receive.

Ready-made observers are in `telemetry`. No event holds a prompt or an API key, and only `JobEnded` holds links.
"""

from .observer import Emit, Event, Observer
from .of_jobs import (
    Downloaded,
    JobEnded,
    JobStarted,
    StatusAnswered,
    SubmitAnswered,
    Uploaded,
    Uploading,
)
from .of_service import (
    BatchReadsOff,
    DownloadsBehind,
    DownloadTrouble,
    KeyRestored,
    KeySuspended,
    PollingTrouble,
    SubmitsHalted,
    SubmitsLimited,
    SubmitsResumed,
)

__all__ = (
    "BatchReadsOff",
    "DownloadTrouble",
    "Downloaded",
    "DownloadsBehind",
    "Emit",
    "Event",
    "JobEnded",
    "JobStarted",
    "KeyRestored",
    "KeySuspended",
    "Observer",
    "PollingTrouble",
    "StatusAnswered",
    "SubmitAnswered",
    "SubmitsHalted",
    "SubmitsLimited",
    "SubmitsResumed",
    "Uploaded",
    "Uploading",
)
