"""The dashboard of an emulator: a page of text with its tasks, for people who look whether a job was paid for.

The vendor's dashboard is a web page behind a login; the tasks are what both show.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aiohttp import web

from ..clock import Clock
from ..service.ledger import VendorLedger
from ..service.task import TaskRecord

PATH = "/dashboard"

_HEAD = ("MADE", "TASK", "STATUS", "CREDITS", "MODEL", "IDEMPOTENCY KEY", "PROMPT")
_MOST_TASKS = 500
_PROMPT_LENGTH = 60


class Dashboard:
    """Serves the page.

    Args:
        tasks: The accepted tasks by id, oldest first.
        ledger: The credits, and the idempotency key of each task.
        clock: Decides the status of a task.
    """

    def __init__(self, tasks: Mapping[str, TaskRecord], ledger: VendorLedger, clock: Clock) -> None:
        self._tasks = tasks
        self._ledger = ledger
        self._clock = clock
        # Real time, not the emulator's, because a person compares it with the time at which a job was sent.
        self._made: dict[str, float] = {}

    def note(self, task: TaskRecord) -> None:
        """Take down when a new task was accepted."""
        self._made[task.task_id] = time.time()

    def add_routes(self, app: web.Application) -> None:
        """Add the page to `app`; it needs no key, and no fault meets it."""
        app.router.add_get(PATH, self._show, allow_head=False)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.Response(text="\n".join(self._lines()) + "\n")

    def _lines(self) -> Iterator[str]:
        ledger = self._ledger
        yield (
            f"{len(self._tasks)} tasks, {ledger.unfinished} unfinished. Credits: {ledger.charged:.2f} charged, "
            f"{ledger.reserved:.2f} held, {ledger.balance:.2f} left. Times are in UTC{_offset(self._clock.now())}."
        )
        if self._tasks:
            yield ""
            yield from columns([_HEAD, *self._rows()])

    def _rows(self) -> Iterator[tuple[str, ...]]:
        now = self._clock.now()
        # Newest first, at the top of a browser's window.
        for paid in reversed(self._ledger.paid_tasks[-_MOST_TASKS:]):
            task = self._tasks[paid.task_id]
            made = time.strftime("%H:%M:%S", time.localtime(self._made[task.task_id]))
            status, price = task.view(now).status, f"{task.price.reserved:g}"
            prompt = one_line(str(task.body.get("prompt", "")))
            yield made, task.task_id, status, price, task.model, paid.idempotency_key or "", prompt


def _offset(seconds: float) -> str:
    return time.strftime("%z", time.localtime(seconds))


def columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, with columns as wide as their longest text."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def one_line(text: str) -> str:
    """Return the beginning of a text in one line, without characters that control a terminal."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[:_PROMPT_LENGTH]
