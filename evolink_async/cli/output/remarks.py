"""Remarks on the lines of a jobs file as sentences: what many lines have in common is one sentence with their number.

The remarks are made in `inputs.job_lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..inputs.job_lines import ParsedJobs, Remark
from .numbers import listed
from .terminal import Terminal


def grouped(remarks: Iterable[Remark]) -> Iterator[str]:
    """Yield a sentence for each text, with the lines that it is about, in the order of their first lines."""
    lines: dict[str, list[int]] = {}
    for remark in remarks:
        lines.setdefault(remark.text, []).append(remark.line)
    for text, numbers in lines.items():
        if len(numbers) == 1:
            yield f"line {numbers[0]}: {text}"
        else:
            yield f"{len(numbers)} lines ({listed(numbers)}): {text}"


def report_lines(name: str, parsed: ParsedJobs, terminal: Terminal) -> None:
    """Print what is wrong with the lines of a jobs file, and what is worth knowing of the others.

    Args:
        name: What the file is called in these sentences.
        parsed: Its content.
        terminal: Where it is printed.
    """
    for remark in grouped(parsed.bad):
        terminal.error(f"{name}, {remark}")
    for remark in grouped(parsed.notes):
        terminal.note(f"note: {name}, {remark}")
    if parsed.bad:
        count = f"{len(parsed.bad)} of {len(parsed.bad) + len(parsed.jobs)} lines"
        terminal.note(f"{count} are bad and are left out; correct them and run them in a file of their own.")
