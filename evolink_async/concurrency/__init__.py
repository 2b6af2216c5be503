"""Small asyncio parts that know no domain."""

from .channel import Channel
from .limiter import Permits
from .shared_task import Shared
from .shield import finish

__all__ = (
    "Channel",
    "Permits",
    "Shared",
    "finish",
)
