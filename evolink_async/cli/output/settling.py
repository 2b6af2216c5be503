"""What is said before and after a job in doubt is settled."""

from __future__ import annotations

import shlex

# By the word given; every other word is a task id.
NEXT: dict[str, str] = {
    "resubmit": "is planned again: the next run buys it anew, under a new idempotency key",
    "abandon": "is given up: the next run reports it as failed and sends nothing",
}


def settle_command(journal: str, job: str, *, may_be_option: bool = False) -> str:
    """Return the command that settles a job of a journal, up to its last word.

    Args:
        journal: The file, or the address.
        job: The job's key, or a word in place of several.
        may_be_option: Whether a key that the word stands for begins with a dash.
    """
    has_dash = may_be_option or journal.startswith("-") or job.startswith("-")
    return f"evolink-async settle {'-- ' if has_dash else ''}{shlex.quote(journal)} {shlex.quote(job)}"


def what_follows(key: str, how: str) -> str:
    """Return a sentence on what the next run will do with a job."""
    return f"{key} {NEXT.get(how) or f'is task {how}: the next run waits for it and saves its video'}."
