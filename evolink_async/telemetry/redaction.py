"""What may be said of an error and of words that the service chose, without its free text.

Nothing is logged or exported here. A service's message may echo a prompt, so it is told only if somebody asks for it.
"""

from __future__ import annotations

import re

import attrs

from ..errors import EvolinkError, TaskError

LONGEST = 500
"""Characters of free text in a line: enough for a reason, too few for a page of HTML."""

_WORD = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LINK = re.compile(r"(https?://[^\s/?#'\"<>]+)[^\s'\"<>]*")


@attrs.frozen(kw_only=True)
class Facts:
    """What is told of an error.

    Attributes:
        kind: Its class.
        status: The HTTP status, if one arrived.
        code: The service's code, if it is a word.
        request_id: The service's id of the request, if it is a word.
    """

    kind: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None

    def __str__(self) -> str:
        told = [f"HTTP {self.status}"] if self.status is not None else []
        told += [f"code {self.code}"] if self.code is not None else []
        told += [f"request {self.request_id}"] if self.request_id is not None else []
        return f"{self.kind} ({', '.join(told)})" if told else self.kind


def facts_of(error: EvolinkError) -> Facts:
    """What is told of `error`."""
    request_id = error.snapshot.request_id if isinstance(error, TaskError) else getattr(error, "request_id", None)
    return Facts(
        kind=type(error).__name__,
        status=getattr(error, "status", None),
        code=word(getattr(error, "code", None)),
        request_id=word(request_id),
    )


def word(text: str | int | None) -> str | None:
    """A code, id or state as the service sent it, if it is one: what else it put there is left out."""
    return str(text) if text is not None and _WORD.fullmatch(str(text)) else None


def state_word(state: str | None) -> str:
    """A task's state, for a line or an attribute."""
    return "no answer" if state is None else word(state) or "of another kind"


def advice_of(error: EvolinkError) -> str:
    """What to do now, in our words: the service's own suggestion for a failed task is free text."""
    fault = error.snapshot.fault if isinstance(error, TaskError) else None
    return type(error).advice if fault is not None and fault.suggestion else error.advice


@attrs.frozen
class Teller:
    """Tells why something went wrong: with the service's own text, or without.

    Attributes:
        texts: Whether its text is told.
    """

    texts: bool

    def error(self, error: EvolinkError) -> str:
        """Tell of an error."""
        facts = str(facts_of(error))
        return f"{facts}: {free_text(str(error))}" if self.texts else facts

    def reason(self, reason: str) -> str:
        """Tell of a reason in a few words, as an ending of a sentence; nothing without texts."""
        return f": {free_text(reason)}" if self.texts else ""


def free_text(text: str) -> str:
    """Text of the service on one line, cut short, every link in it reduced to its host: links may be signed."""
    plain = "".join(sign if sign.isprintable() else " " for sign in _LINK.sub(r"\1/...", text))
    line = " ".join(plain.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
