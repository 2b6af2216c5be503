"""An observer that tells a person what concerns the whole run and not one job.

Trouble with submits is in `trouble`; the end of each job is in `problems`.
"""

from __future__ import annotations

from ...events import DownloadsBehind, DownloadTrouble, Event, PollingTrouble
from .terminal import Terminal


class Notices:
    """Prints what is known of polls and downloads that do not go as usual.

    Args:
        terminal: Where it is printed, on standard error.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, event: Event, /) -> None:
        """Print the line of an event, if it has one."""
        match event:
            case PollingTrouble():
                self._terminal.note(f"note: {event.reason}")
            case DownloadTrouble():
                self._terminal.note(
                    f"note: {event.host} does not give the results: {event.reason}; "
                    f"each is tried for up to {event.patience:.0f} s"
                )
            case DownloadsBehind():
                self._terminal.note(
                    f"note: {event.waiting} results wait to be saved, for {event.needed:.0f} s; "
                    f"the last of their links expires in {event.left:.0f} s"
                )
            case _:
                pass
