"""What is said after a job in doubt was settled."""

from __future__ import annotations

# By the word given; every other word is a task id.
NEXT: dict[str, str] = {
    "resubmit": "is planned again: the next run buys it anew, under a new idempotency key",
    "abandon": "is given up: the next run reports it as failed and sends nothing",
}


def what_follows(key: str, how: str) -> str:
    """Return a sentence on what the next run will do with a job."""
    return f"{key} {NEXT.get(how) or f'is task {how}: the next run waits for it and saves its video'}."
