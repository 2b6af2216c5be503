"""A local EvoLink for tests, demos and offline work: `Emulator`, its settings, its clocks and its faults.

Nothing is defined here. PyAV, Pillow and jsonschema are imported when an emulator starts, not by this import.

Example::

    async with Emulator(speed=20) as emulator:
        emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
        pool = SessionPool(**emulator.client())
"""

from . import faults
from .client_arguments import ClientArguments
from .clock import Clock, HandClock, ScaledClock
from .hosts.interceptor import Received
from .server import Emulator
from .service.ledger import PaidTask, VendorLedger
from .service.task import TaskRecord
from .settings import EmulatorArguments, EmulatorSettings

__all__ = (
    "ClientArguments",
    "Clock",
    "Emulator",
    "EmulatorArguments",
    "EmulatorSettings",
    "HandClock",
    "PaidTask",
    "Received",
    "ScaledClock",
    "TaskRecord",
    "VendorLedger",
    "faults",
)
