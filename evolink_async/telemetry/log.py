"""An observer that writes one line of the standard library's logging for each event.

What a line says is in `log_lines`; what is left out of it is in `redaction`.
"""

from __future__ import annotations

import logging

from ..events import Event
from .log_lines import level_of, line_of
from .redaction import Redactor


class LogObserver:
    """Logs the events of a pool: `SessionPool(observer=LogObserver())`.

    DEBUG: polls and upload progress. INFO: jobs started, accepted, saved, completed. WARNING: failures. ERROR: jobs in
    doubt and suspended keys. The facts of a line are also attributes of its record, with the prefix `evolink_`, as
    `evolink_key` and `evolink_task_id`; unknown ones are absent. No line holds a prompt, a result link or an API key.

    Args:
        logger: The logger to write to. Default: the logger "evolink_async".
        level: The lowest level that is written, whatever the logger allows. `logging.INFO` keeps the polls of 100,000
            tasks out of the log of an application that logs at DEBUG.
        texts: Include the service's own messages. They help, and may quote a prompt; links in them are cut to the
            host.
    """

    def __init__(
        self, logger: logging.Logger | None = None, level: int = logging.DEBUG, *, texts: bool = False
    ) -> None:
        self._logger = logger or logging.getLogger("evolink_async")
        self._level = level
        self._redactor = Redactor(texts)

    def __call__(self, event: Event, /) -> None:
        """Write the line of an event, if its level is enabled."""
        level = level_of(event)
        # Before the line is made: polls are most of the events, and are rarely logged.
        if level < self._level or not self._logger.isEnabledFor(level):
            return
        line = line_of(event, self._redactor)
        known = {f"evolink_{name}": value for name, value in line.facts.items() if value is not None}
        self._logger.log(level, line.text, *line.args, extra=known)
