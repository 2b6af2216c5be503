"""Errors of the caller, found before anything is sent.

The rules that parameters and files break are in `params`, `models` and `media`.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .base import EvolinkError


@attrs.frozen
class InvalidValue:
    """One item of `ParamsError.faults` or `PreflightError.faults`; as text, `what @ path`.

    Attributes:
        path: The place of the value in the request body, as in `video_urls[2]`; empty for the body itself.
        what: What is wrong with the value, as in "must be 2 to 10, not 11".
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} @ {self.path}" if self.path else self.what


class _InvalidValuesError(EvolinkError, ValueError):
    # All invalid values are named at once, so that one correction is enough. `except ValueError` catches these errors
    # too: that is the standard exception for an invalid argument.

    def __init__(self, faults: Iterable[InvalidValue], *, model: str | None = None) -> None:
        self.faults: tuple[InvalidValue, ...] = tuple(faults)
        self.model = model
        about = f"{model}: " if model else ""
        super().__init__(about + "; ".join(map(str, self.faults)))


class ParamsError(_InvalidValuesError):
    """Parameters break the rules of their model; nothing was sent.

    Attributes:
        faults: Every invalid value.
        model: The model, if it is known.
    """

    may_resubmit = True
    advice: str = "Correct the fields that the message names; nothing was sent."


class PreflightError(_InvalidValuesError):
    """A local file breaks the media rules of the model; nothing was sent.

    Attributes:
        faults: Every invalid file, by its place in the request body.
        model: The model, if it is known.
    """

    may_resubmit = True
    advice: str = "Convert or replace the files that the message names; nothing was sent."


class ConfigurationError(EvolinkError):
    """The call or a setting is invalid: no key, a number out of range, a closed pool."""

    may_resubmit = True
    advice: str = "Correct the call or the setting that the message names; nothing was sent."


class BudgetError(EvolinkError):
    """The budget does not cover the job; it was not sent.

    Attributes:
        needed: Credits that the job would reserve.
        left: Credits left in the budget.
        blocked_by: Keys of jobs whose price was never named, and that a person has to settle first.
    """

    may_resubmit = True
    advice: str = "Raise the budget, then run the job again; nothing was sent."

    def __init__(self, message: str, *, needed: float, left: float, blocked_by: tuple[str, ...] = ()) -> None:
        self.needed = needed
        self.left = left
        self.blocked_by = blocked_by
        super().__init__(message)
