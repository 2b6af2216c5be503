"""The faults that a word names, for people who inject them by hand; `evolink-async emulator --fault` takes these words.

Faults with arguments are made by the functions in `factories`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from .factories import DROP_AFTER_ACCEPT, HANG_AFTER_ACCEPT, NOT_JSON, REFUSE, cut, delay, error, reply
from .kinds import InjectedFault

_SLOW_SECONDS = 5.0
# Less than any reply to a submit, and than any video.
_CUT_BYTES = 100

NAMED: Mapping[str, InjectedFault] = MappingProxyType(
    {
        "drop": DROP_AFTER_ACCEPT,
        "refuse": REFUSE,
        "hang": HANG_AFTER_ACCEPT,
        "slow": delay(_SLOW_SECONDS),
        "cut": cut(_CUT_BYTES),
        "garbled": NOT_JSON,
        "page": reply(403, "<html><body>Access denied</body></html>", content_type="text/html"),
    }
)
"""The faults by their words. A word that is an HTTP status from 400 to 599 is a fault too, see `named`."""

_STATUS = re.compile(r"[45][0-9][0-9]")


def named(word: str) -> InjectedFault:
    """Return the fault that a word names: one of `NAMED`, or an HTTP status, as "429".

    Raises:
        ValueError: It names none.
    """
    if _STATUS.fullmatch(word):
        return error(int(word))
    if word not in NAMED:
        raise ValueError(f"no fault is named {word!r}: it must be {', '.join(NAMED)}, or a status from 400 to 599")
    return NAMED[word]
