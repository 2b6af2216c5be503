"""Why a job is not bought: the errors of a budget, in the same words whether one process has it or many share it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BudgetError
from .units import UNITS


def lacking(units: int, left: int) -> BudgetError:
    """Return the error for a job that needs so many units, 0 if that is not known, and will not get them."""
    needed = f"{units / UNITS:g}" if units else "an unknown number of"
    have = f"the budget has {max(left, 0) / UNITS:g} credits left"
    return _error(f"{have}, the job would hold {needed} credits; it was not sent", units, left)


def too_dear(units: int, most: int, left: int) -> BudgetError:
    """Return the error for a job of a class that has cost more than a job may cost."""
    text = f"a job of this kind cost {units / UNITS:g} credits, more than the {most / UNITS:g} that a job may cost"
    return _error(f"{text}; it was not sent", units, left)


def never_priced(keys: Sequence[str], left: int) -> BudgetError:
    """Return the error for a job of a class whose price was not named for these jobs."""
    text = f"{len(keys)} jobs like this one were sent, and the service named the price of none ({', '.join(keys)})"
    return _error(f"{text}; it was not sent", 0, left, tuple(keys))


def _error(message: str, units: int, left: int, blocked_by: tuple[str, ...] = ()) -> BudgetError:
    return BudgetError(message, needed=units / UNITS, left=max(left, 0) / UNITS, blocked_by=blocked_by)
