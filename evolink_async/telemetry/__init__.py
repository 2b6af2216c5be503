"""Ready-made observers for a pool: one that writes a log, one that makes traces and figures.

A table of contents; each is loaded when it is asked for, so whoever only wants a log needs no OpenTelemetry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .log import LogObserver
    from .otel import OtelObserver

__all__ = ("LogObserver", "OtelObserver")

_HOMES = {"LogObserver": ".log", "OtelObserver": ".otel"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
