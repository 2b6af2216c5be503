"""An observer that writes one line of the standard library's logging for each event.

What a line says is in `lines`; no prompt, link or API key gets here.
"""

from __future__ import annotations

import logging

from ..events import Event
from .log_lines import level_of, line_of
from .redaction import Teller


class LogObserver:
    """Logs what happens in a pool: `SessionPool(observer=LogObserver())`.

    Looks are DEBUG; starts, acceptances and videos INFO; what failed WARNING; what was perhaps paid for, and a key that
    can do no more, ERROR. A line's facts are attributes of its record too, under names that begin with `evolink_`, as
    `evolink_key` and `evolink_task_id`; those not known are absent.

    Args:
        logger: Where to. Default: the logger "evolink_async".
        level: The least that is written, whatever the logger lets through: `logging.INFO` keeps the looks of a hundred
            thousand tasks out of the log of an application that is being debugged.
        texts: Write the service's own messages too. They help, and may echo a prompt. Links in them are cut to the
            host.
    """

    def __init__(
        self, logger: logging.Logger | None = None, level: int = logging.DEBUG, *, texts: bool = False
    ) -> None:
        self._logger = logger or logging.getLogger("evolink_async")
        self._level = level
        self._teller = Teller(texts)

    def __call__(self, event: Event, /) -> None:
        """Write a line, if lines of its level are wanted."""
        level = level_of(event)
        if level < self._level or not self._logger.isEnabledFor(level):
            return
        line = line_of(event, self._teller)
        known = {f"evolink_{name}": value for name, value in line.facts.items() if value is not None}
        self._logger.log(level, line.text, *line.args, extra=known)
