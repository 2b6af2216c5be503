"""Errors of whoever calls us, found before anything is sent.

What makes parameters or a file wrong is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs

from .base import EvolinkError


@attrs.frozen
class InvalidValue:
    """One thing that is wrong with a value: `what` it is, and where (`path`, as in `video_urls[2]`)."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} @ {self.path}" if self.path else self.what


class _FaultsError(EvolinkError, ValueError):
    """An error made of faults, all of them named at once."""

    subject: ClassVar[str] = "parameters"

    def __init__(self, faults: Iterable[InvalidValue], *, model: str | None = None) -> None:
        self.faults: tuple[InvalidValue, ...] = tuple(faults)
        self.model = model
        about = f"{model}: " if model else ""
        super().__init__(about + "; ".join(map(str, self.faults)))


class ParamsError(_FaultsError):
    """Parameters break the rules of their model; nothing was sent. `faults` names every field."""

    may_resubmit = True
    advice = "Correct the fields named and build the parameters again; nothing was sent."


class PreflightError(_FaultsError):
    """A local file breaks the media rules of the model; nothing was sent. `faults` names every file."""

    may_resubmit = True
    advice = "Convert or replace the files named; nothing was sent."


class ConfigurationError(EvolinkError):
    """The library is used in a way that cannot work: no key, a bad number, a closed pool."""

    may_resubmit = True
    advice = "Correct the call or the setting that the message names; nothing was sent."


class BudgetError(EvolinkError):
    """The budget does not cover the job; it was not sent.

    Attributes:
        needed: Credits the job would reserve.
        left: Credits left in the budget.
        blocked_by: Keys of jobs whose price was never named, and that a person has to settle first.
    """

    may_resubmit = True
    advice = "Raise the budget and run the job again; nothing was sent."

    def __init__(self, message: str, *, needed: float, left: float, blocked_by: tuple[str, ...] = ()) -> None:
        self.needed = needed
        self.left = left
        self.blocked_by = blocked_by
        super().__init__(message)
