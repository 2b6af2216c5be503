"""The command `doubts`: shows the jobs that a person may settle, and what to look for in the dashboard.

They may have been paid for without a known task, or the service no longer knows their task.

The service is not asked. What was found is recorded by the command `settle`.
"""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ...journal.doubts import Doubt, moment, sent_at, what_to_check, window_of
from ...journal.places import journal_at
from ..exit_codes import IN_DOUBT, OK
from ..output.settling import settle_command
from ..output.terminal import Terminal, plain

_PROMPT_LENGTH = 80


def doubts(journal: str, terminal: Terminal) -> int:
    """Show the jobs in doubt; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        terminal: Where they are printed.

    Raises:
        ConfigurationError: There is no such journal.
        JournalError: It is not a journal, or cannot be read.
    """
    place = journal_at(journal)
    found, holder = place.doubts(), place.holder()
    if holder is not None:
        terminal.note(
            f"note: {holder} uses the journal; its submits under way are not shown, and nothing can be settled."
        )
    for doubt in found:
        if terminal.shows_tables:
            terminal.say(_card(doubt))
            terminal.say()
        else:
            terminal.json_line(doubt_object(doubt))
    if not found:
        terminal.note(f"No job is in doubt in {place.name}.")
        return OK
    command = settle_command(place.word, "JOB", may_be_option=any(doubt.key.startswith("-") for doubt in found))
    terminal.note(f"{len(found)} in doubt; tell the journal what you found: {command} (TASK_ID | resubmit | abandon)")
    return IN_DOUBT


def doubt_object(doubt: Doubt) -> dict[str, object]:
    """Return a job in doubt as a JSON object."""
    error, (begin, end) = doubt.error, window_of(doubt)
    return {
        "custom_id": doubt.key,
        "model": doubt.model,
        "prompt": doubt.prompt[:_PROMPT_LENGTH],
        "sent_at": error.sent_at,
        "window": [begin.isoformat(), end.isoformat()],
        "idempotency_key": error.idempotency_key,
        "request_id": error.request_id,
        "http_status": error.status,
        "api_key": doubt.session,
        "message": str(error),
        "task_id": doubt.task_id,
        "check": what_to_check(doubt),
    }


def _card(doubt: Doubt) -> Table:
    """Return one doubt as a table of two columns, a line per fact."""
    # Not one row per doubt: a reader compares one doubt with a page of the dashboard, not doubts with each other.
    error = doubt.error
    facts = {
        "job": doubt.key,
        "model": doubt.model,
        "prompt": doubt.prompt[:_PROMPT_LENGTH],
        "sent": moment(sent_at(doubt)),
        "idempotency key": error.idempotency_key or "",
        **(
            {"task": doubt.task_id}
            if doubt.task_id is not None
            else {
                "request id": error.request_id or "none was sent",
                "HTTP status": str(error.status or "none arrived"),
            }
        ),
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
