"""A local EvoLink for tests, demos and offline work: `Emulator`, its clocks and its faults.

A table of contents; nothing is defined here. Importing it is cheap: PyAV, Pillow and jsonschema are needed,
and loaded, only when an emulator starts.

Example::

    async with Emulator(speed=20) as emulator:
        emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
        pool = SessionPool("sk-emulator", base_url=emulator.base_url)
"""

from . import faults
from .clock import Clock, HandClock, ScaledClock
from .hosts.interceptor import Received
from .server import Emulator
from .service.ledger import PaidTask, VendorLedger
from .service.task import TaskRecord

__all__ = (
    "Clock",
    "Emulator",
    "HandClock",
    "PaidTask",
    "Received",
    "ScaledClock",
    "TaskRecord",
    "VendorLedger",
    "faults",
)
