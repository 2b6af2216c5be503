"""The commands `doubts` and `settle`: what may have been paid for, and what a look in the dashboard showed of it.

Neither asks the service anything.
"""

from __future__ import annotations

import asyncio
import shlex
from datetime import datetime, timedelta
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ...errors import ConfigurationError
from ...journal.doubts import Doubt, read_doubts, settle_doubt
from ...wire import encode_poll
from ..output import outcomes as report
from ..output.terminal import Terminal, plain

DASHBOARD = "https://evolink.ai/dashboard"
WINDOW = timedelta(minutes=2)
"""Around the time of a submit: its own time-out is a minute, and two clocks differ."""

_PROMPT_SIGNS = 80
_NEXT = {
    "resubmit": "is planned again: the next run buys it anew, under a new idempotency key",
    "abandon": "is given up: the next run reports it as failed and sends nothing",
}


def doubts(journal: Path, terminal: Terminal) -> int:
    """Show the jobs in doubt; return the exit code.

    Args:
        journal: The file of the journal.
        terminal: Where to show them.

    Raises:
        ConfigurationError: There is no such file.
        JournalError: It is no journal, or cannot be read.
    """
    found = read_doubts(journal)
    for doubt in found:
        if terminal.for_eyes:
            terminal.say(_card(doubt))
            terminal.say()
        else:
            terminal.json_line(doubt_object(doubt))
    if not found:
        terminal.note(f"No job is in doubt in {journal}.")
        return report.OK
    command = f"evolink-async settle {shlex.quote(str(journal))} JOB (TASK_ID | resubmit | abandon)"
    terminal.note(f"{len(found)} in doubt; tell the journal what you found: {command}")
    return report.UNKNOWN


def doubt_object(doubt: Doubt) -> dict[str, object]:
    """Return the JSON object that tells a doubt."""
    error, (begin, end) = doubt.error, _window(doubt)
    return {
        "custom_id": doubt.key,
        "model": doubt.model,
        "prompt": doubt.prompt[:_PROMPT_SIGNS],
        "sent_at": error.sent_at,
        "window": [begin.isoformat(), end.isoformat()],
        "idempotency_key": error.idempotency_key,
        "request_id": error.request_id,
        "http_status": error.status,
        "api_key": doubt.session,
        "message": str(error),
        "check": what_to_check(doubt),
    }


def what_to_check(doubt: Doubt) -> str:
    """Return one sentence on what to look for, and where."""
    begin, end = _window(doubt)
    return (
        f"Look in {DASHBOARD}, under the API key with the fingerprint {doubt.session}, for a task of {doubt.model} "
        f"with this prompt, made between {begin:%H:%M:%S} and {end:%H:%M:%S} on {begin:%Y-%m-%d}."
    )


def _window(doubt: Doubt) -> tuple[datetime, datetime]:
    sent = _local(doubt)
    return sent - WINDOW, sent + WINDOW


def _local(doubt: Doubt) -> datetime:
    return datetime.fromtimestamp(round(doubt.error.sent_at or 0.0)).astimezone()


def _card(doubt: Doubt) -> Table:
    """Everything about one doubt, a line each: it is to be compared with a page, not with other doubts."""
    error = doubt.error
    facts = {
        "job": doubt.key,
        "model": doubt.model,
        "prompt": doubt.prompt[:_PROMPT_SIGNS],
        "sent": f"{_local(doubt):%Y-%m-%d %H:%M:%S %Z}",
        "idempotency key": error.idempotency_key or "",
        "request id": error.request_id or "none was told",
        "HTTP status": str(error.status or "none arrived"),
        "API key": doubt.session,
        "why": str(error),
        "what to do": what_to_check(doubt),
    }
    card = Table.grid(padding=(0, 2))
    card.add_column(no_wrap=True)
    card.add_column(overflow="fold")
    for name, value in facts.items():
        card.add_row(Text(name, style="bold"), plain(value))
    return card


def settle(journal: Path, key: str, how: str, terminal: Terminal) -> int:
    """Write down what became of a doubt, and say what the next run will do; return the exit code.

    Args:
        journal: The file of the journal.
        key: The key of a job in doubt.
        how: The id of its task, "resubmit" or "abandon".
        terminal: Where to say it.

    Raises:
        ConfigurationError: There is no such file, no job of this key is in doubt, or `how` is none of these.
        ParamsError: `how` can be no task's id.
        JournalError: It is no journal, or another process is using it.
    """
    if how not in _NEXT:
        _check_task_id(how)
    known = [doubt.key for doubt in read_doubts(journal)]
    if key not in known:
        told = f"; in doubt are: {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}" if known else ""
        raise ConfigurationError(f"no job {key!r} is in doubt in {str(journal)!r}{told}")
    asyncio.run(settle_doubt(journal, key, how))
    terminal.say(f"{key} {_NEXT.get(how) or f'is task {how}: the next run waits for it and saves its video'}.")
    left = len(known) - 1
    terminal.note(f"Still in doubt: {left}." if left else "Nothing is in doubt any more.")
    return report.OK


def _check_task_id(word: str) -> None:
    encode_poll(word)
    if not any(sign.isdigit() for sign in word):  # "resubmitt" must not become a task for which a job waits for ever
        raise ConfigurationError(
            f"{word!r} is neither resubmit nor abandon, nor the id of a task, as task-unified-1-ab"
        )
