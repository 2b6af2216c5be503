"""Small asyncio parts that know no domain."""

from .channel import Channel
from .limiter import Limiter
from .shared_task import SharedTask
from .shield import wait_shielded

__all__ = (
    "Channel",
    "Limiter",
    "SharedTask",
    "wait_shielded",
)
