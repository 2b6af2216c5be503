"""What may be said of an error, and of words that the service chose, without free text of the service.

A message of the service may quote a prompt, and a link may be signed. Nothing is logged or exported here.
"""

from __future__ import annotations

import re

import attrs

from ..errors import EvolinkError, TaskError

MAX_TEXT_LENGTH = 500
"""Characters of free text in a log line: enough for a reason, too few for an HTML page."""

# A code, an id or a state; a sentence has spaces.
_WORD = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# The path is cut too: links of some storages are signed in their path.
_LINK = re.compile(r"(https?://[^\s/?#'\"<>]+)[^\s'\"<>]*")


@attrs.frozen(kw_only=True)
class ErrorFacts:
    """The facts of an error that are safe to log and to export.

    Attributes:
        kind: Name of the error's class.
        status: The HTTP status, if one arrived.
        code: The service's code, if it is a single word.
        request_id: The service's id of the request, if it is a single word.
    """

    kind: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None

    def __str__(self) -> str:
        known = [f"HTTP {self.status}"] if self.status is not None else []
        known += [f"code {self.code}"] if self.code is not None else []
        known += [f"request {self.request_id}"] if self.request_id is not None else []
        return f"{self.kind} ({', '.join(known)})" if known else self.kind


def facts_of(error: EvolinkError) -> ErrorFacts:
    """Return the facts of an error that are safe to log and to export."""
    # Errors differ in the facts they have, so these are read by name.
    request_id = error.snapshot.request_id if isinstance(error, TaskError) else getattr(error, "request_id", None)
    return ErrorFacts(
        kind=type(error).__name__,
        status=getattr(error, "status", None),
        code=word(getattr(error, "code", None)),
        request_id=word(request_id),
    )


def word(text: str | int | None) -> str | None:
    """Return a code, an id or a state of the service if it is a single word; else None, as it may be free text."""
    return str(text) if text is not None and _WORD.fullmatch(str(text)) else None


def state_word(state: str | None) -> str:
    """Return the state of a task as a log line or an attribute shows it."""
    return "no answer" if state is None else word(state) or "of another kind"


def advice_of(error: EvolinkError) -> str:
    """Return what to do now, without free text of the service."""
    # The advice of a failed task may be the service's own suggestion; the advice of the class is ours.
    fault = error.snapshot.fault if isinstance(error, TaskError) else None
    return type(error).advice if fault is not None and fault.suggestion else error.advice


@attrs.frozen
class Redactor:
    """Describes errors for a log line, with or without the service's own text.

    Attributes:
        texts: Whether the service's own text is included.
    """

    texts: bool

    def error(self, error: EvolinkError) -> str:
        """Return the facts of an error, and its message if `texts` is set."""
        facts = str(facts_of(error))
        return f"{facts}: {free_text(str(error))}" if self.texts else facts

    def reason(self, reason: str) -> str:
        """Return ": " and a reason, to end a sentence; an empty string if `texts` is not set."""
        return f": {free_text(reason)}" if self.texts else ""


def free_text(text: str) -> str:
    """Return text of the service on one line, cut to `MAX_TEXT_LENGTH`, with each link reduced to its host."""
    printable = "".join(sign if sign.isprintable() else " " for sign in _LINK.sub(r"\1/...", text))
    line = " ".join(printable.split())
    return line if len(line) <= MAX_TEXT_LENGTH else f"{line[:MAX_TEXT_LENGTH]}..."
