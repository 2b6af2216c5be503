"""The wording of lists in messages.

The messages themselves are written where their errors are raised.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("either",)


def either(words: Iterable[object]) -> str:
    """Write a list of at least one choice, as in "mp4, mov or webm".

    >>> either(["mp4"]), either(["mp4", "mov"])
    ('mp4', 'mp4 or mov')
    """
    *head, last = map(str, words)
    return f"{', '.join(head)} or {last}" if head else last
