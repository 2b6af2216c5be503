"""A history that was played, as a value. The laws judge it."""

from __future__ import annotations

import attrs

from tests.simulation.script import Script
from tests.simulation.task import Task
from tests.simulation.trace import Trace


@attrs.frozen(kw_only=True)
class History:
    """A script that was played.

    Attributes:
        script: What was asked for.
        trace: What happened.
        ledger: Every paid task.
    """

    script: Script
    trace: Trace
    ledger: tuple[Task, ...]
