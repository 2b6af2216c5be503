"""Ready-made observers for a pool: one writes a log, one makes OpenTelemetry spans and metrics.

Each is imported when its name is first used, so that a log needs no OpenTelemetry. The events are in `events`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .log import LogObserver
    from .otel import OtelObserver

__all__ = ("LogObserver", "OtelObserver")

_HOMES = {"LogObserver": ".log", "OtelObserver": ".otel"}


# Lazy (PEP 562): importing `.otel` fails where opentelemetry-api is not installed.
def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
