"""Estimates as JSON objects, as a table and as a sentence.

How they are made is in `budget`.
"""

from __future__ import annotations

from rich.table import Table

from ...budget import UNITS, Estimate, JobPrice, PriceLine, UnknownPrice
from .numbers import number
from .tables import empty_table
from .terminal import plain


def price_object(price: JobPrice | UnknownPrice) -> dict[str, object]:
    """Return the price of one job as a JSON object."""
    if isinstance(price, UnknownPrice):
        return {"low": None, "high": None, "source": None, "as_of": None, "unknown": price.why}
    return {
        "low": price.low / UNITS,
        "high": price.high / UNITS,
        "source": price.source,
        "as_of": price.as_of,
        "unknown": None,
    }


def estimate_object(total: Estimate) -> dict[str, object]:
    """Return an estimate as a JSON object."""
    return {
        "jobs": total.jobs,
        "credits": {"low": total.low, "high": total.high},
        "lines": [_line_object(line) for line in total.lines],
        "unknown": [
            {"price_class": str(line.price_class), "jobs": line.jobs, "why": line.why} for line in total.unknown
        ],
        "ended": total.ended,
        "under_way": total.under_way,
        "in_doubt": total.in_doubt,
        "refused": total.refused,
    }


def _line_object(line: PriceLine) -> dict[str, object]:
    return {
        "price_class": str(line.price_class),
        "model": line.price_class.model,
        "jobs": line.jobs,
        "credits": {"low": line.low, "high": line.high},
        "each": {"low": line.low_each, "high": line.high_each},
        "source": line.source,
        "as_of": line.as_of,
    }


def estimate_table(total: Estimate) -> Table:
    """Return an estimate as a table: a row for each price class, those without a price last."""
    table = empty_table("what", "jobs", "each", "credits", "source", right=("jobs", "each", "credits"))
    for line in total.lines:
        each, credits_text = between(line.low_each, line.high_each), between(line.low, line.high)
        table.add_row(*map(plain, (str(line.price_class), str(line.jobs), each, credits_text, _source(line))))
    for unknown in total.unknown:
        cells = (str(unknown.price_class), str(unknown.jobs), "?", "not known", unknown.why)
        table.add_row(*map(plain, cells), style="yellow")
    return table


def estimate_note(total: Estimate) -> str:
    """Return an estimate as a sentence."""
    known = {"ended before": total.ended, "under way": total.under_way, "in doubt": total.in_doubt}
    known["with the key of another job in the journal"] = total.refused
    free = ", ".join(f"{count} {words}" for words, count in known.items() if count)
    more = f" (not bought again: {free})" if free else ""
    if not total.jobs:
        return f"Cost: nothing, as no job would be bought{more}."
    high = total.high
    amount = f"at least {number(total.low)}" if high is None else between(total.low, high)
    jobs = "1 job" if total.jobs == 1 else f"{total.jobs} jobs"
    sources = ", ".join(dict.fromkeys(map(_source, total.lines)))
    unpriced = sum(line.jobs for line in total.unknown)
    lacking = f"; the price of {unpriced} is not known" if unpriced else ""
    return f"Cost: {amount} credits for {jobs}{lacking}{f'; by {sources}' if sources else ''}{more}."


def between(low: float, high: float) -> str:
    """Return one figure, or two with "to" between them."""
    return number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"


def _source(line: PriceLine) -> str:
    if line.source == "learned":
        return "learned prices"
    name = "the service's catalogue" if line.source == "catalogue" else "the price list"
    return name if line.as_of is None else f"{name} of {line.as_of[:10]}"
