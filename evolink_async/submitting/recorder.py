"""Writing down what has happened, when nobody can be kept from it any more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from ..errors import JournalError

_log = logging.getLogger("evolink_async")


class Recorder:
    """Makes entries of a journal, and goes on without those that it refuses.

    Attributes:
        failures: Entries that could not be made.
    """

    def __init__(self) -> None:
        self.failures: int = 0

    async def __call__(self, entry: Awaitable[None]) -> bool:
        """Write down what has happened. If the disk refuses, the caller must learn it all the more: nothing is raised.

        A journal that failed takes no further intent, so nothing more is sent.

        Returns:
            Whether it was written down.
        """
        try:
            await entry
        except JournalError as error:
            self.failures += 1
            if self.failures == 1:
                text = "the journal could not be written; what happens is told, and a later run may not know of it: %s"
                _log.error(text, error)
            return False
        return True
