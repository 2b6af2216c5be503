"""Calling a user's observer without letting its errors into the pool.

The events are in `evolink_async.events`.
"""

from __future__ import annotations

import logging

from ..events import Event, Observer

_log = logging.getLogger("evolink_async")


class SafeObserver:
    """Calls an observer with every event, and logs what it raises.

    Args:
        observer: The user's observer.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._met: set[type[BaseException]] = set()

    def __call__(self, event: Event) -> None:
        """Call the observer with one event."""
        # An observer is called between steps that handle money. Its error must not stop them, and an error at every
        # event must not fill the log: each class of exception is logged once.
        try:
            self._observer(event)
        except (KeyboardInterrupt, SystemExit):
            raise
        # Whatever somebody else's code may raise. A CancelledError too: nothing waits here, so that it is never a
        # cancellation of ours, and let out it would pass for one.
        except BaseException as error:  # noqa: BLE001
            if type(error) not in self._met:
                self._met.add(type(error))
                kinds = type(event).__name__, type(error).__name__
                _log.exception("the observer failed at %s; no further %s of it is logged", *kinds)
