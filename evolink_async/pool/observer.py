"""Telling observers what happens. An observer that fails is logged and harms nothing: money is at stake elsewhere.

What there is to tell is in `events`.
"""

from __future__ import annotations

import logging

from ..events import Event, Observer

_log = logging.getLogger("evolink_async")


class SafeObserver:
    """Calls an observer with every event.

    Args:
        observer: Who is told.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._met: set[type[Exception]] = set()

    def __call__(self, event: Event) -> None:
        """Tell of one event."""
        try:
            self._observer(event)
        except Exception as error:  # noqa: BLE001  # whatever somebody else's code may raise
            if type(error) not in self._met:
                self._met.add(type(error))
                kinds = type(event).__name__, type(error).__name__
                _log.exception("the observer failed at %s; no further %s of it is logged", *kinds)
