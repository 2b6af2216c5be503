"""The command `settle`: records what became of a job in doubt.

The service is not asked. The jobs in doubt are shown by the command `doubts`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from ...errors import ConfigurationError
from ...journal.places import JournalPlace, journal_at
from ...wire import check_task_id
from ..exit_codes import OK
from ..output.numbers import listed
from ..output.settling import NEXT, what_follows
from ..output.terminal import Terminal


def settle(journal: str, key: str, how: str, terminal: Terminal) -> int:
    """Record what became of a job in doubt, and print what the next run will do; return the exit code.

    Args:
        journal: The journal file, or the address of a server.
        key: The key of a job in doubt.
        how: The id of its task, "resubmit" or "abandon".
        terminal: Where the result is printed.

    Raises:
        ConfigurationError: There is no such journal, no job of this key is in doubt, or `how` is none of these.
        ParamsError: `how` cannot be a task id.
        JournalError: It is not a journal, another process is using the file, or another job has this task.
    """
    place = journal_at(journal)
    terminal.say(asyncio.run(settled(place, key, how)))
    left = len(place.doubts())
    terminal.note(f"Still in doubt: {left}." if left else "Nothing is in doubt any more.")
    return OK


async def settled(place: JournalPlace, key: str, how: str) -> str:
    """Record what became of a job in doubt, and return a sentence on what the next run will do.

    Args:
        place: The journal.
        key: The key of a job in doubt.
        how: The id of its task, "resubmit" or "abandon".

    Raises:
        ConfigurationError: There is no such journal, no job of this key is in doubt, or `how` is none of these.
        ParamsError: `how` cannot be a task id.
        JournalError: It is not a journal, another process is using the file, or another job has this task.
    """
    if how not in NEXT:
        _check_task_id(how)
    known = [doubt.key for doubt in await asyncio.to_thread(place.doubts)]
    holder = place.holder()
    key = _key_meant(key, known)
    if key not in known:
        others = f"; in doubt are: {listed(known)}" if known else ""
        held = f"; {holder} uses it, and its submits under way do not count" if holder is not None else ""
        raise ConfigurationError(f"no job {key!r} is in doubt in {place.name!r}{others}{held}")
    await place.settle(key, how)
    return what_follows(key, how)


def _key_meant(word: str, keys: Iterable[str]) -> str:
    """Return the key that was typed, or copied from the output, where the locale cannot write all its characters."""
    # 1) The key itself. 2) Its bytes in UTF-8, which the C locale hands on as surrogates. 3) The escapes that are
    # printed for what the encoding of the terminal lacks.
    in_utf8 = os.fsencode(word).decode("utf-8", "replace")
    spellings = {key.encode("ascii", "backslashreplace").decode(): key for key in keys}
    return word if word in spellings.values() else spellings.get(word, in_utf8)


def _check_task_id(word: str) -> None:
    # The rule that the run applies to a task id when it polls.
    check_task_id(word)
    # Without this, a typing error as "resubmitt" would make the next run wait for a task that does not exist.
    if not any(sign.isdigit() for sign in word):
        raise ConfigurationError(
            f"{word!r} is neither resubmit nor abandon, nor the id of a task, as task-unified-1-ab"
        )
