"""Remarks on the lines of a jobs file as sentences: what many lines have in common is one sentence with their number.

The remarks are made in `inputs.job_lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..inputs.job_lines import Remark
from .numbers import listed


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
