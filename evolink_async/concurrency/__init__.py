"""Building blocks for asyncio that know nothing of jobs, tasks or HTTP.

What they limit, queue or share is decided by the callers.
"""

from .channel import Channel
from .disk import on_disk
from .limiter import Limiter
from .shared_task import SharedTask
from .shield import wait_shielded
from .signal import Signal
from .standstill import TimeLimit

__all__ = (
    "Channel",
    "Limiter",
    "SharedTask",
    "Signal",
    "TimeLimit",
    "on_disk",
    "wait_shielded",
)
