"""Turns the lines of a JSONL file into jobs, and says what is wrong with lines that are none.

Pure: the file itself is read by `jobs_file`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from ...errors import ConfigurationError, ParamsError
from ...jobs import Job, KeyAssigner, key_fault
from ...json_text import Json, parse
from ...params import Params, ParamsWarning, load_params

# Editors on Windows write it at the start of a file.
_BOM = b"\xef\xbb\xbf"


@attrs.frozen
class Remark:
    """A remark on one line.

    Attributes:
        line: The number of the line, counted from 1.
        text: What is wrong with the line, or worth knowing.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@attrs.frozen
class ParsedJobs:
    """The content of a jobs file.

    Attributes:
        jobs: The jobs of the valid lines, in their order.
        bad: The other lines, each with everything that is wrong with it.
        notes: Remarks on valid lines.
        line_numbers: The line of each job, by key.
    """

    jobs: tuple[Job, ...]
    bad: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    line_numbers: Mapping[str, int]


def parse_jobs(lines: Iterable[bytes], files_from: Path | None = None) -> ParsedJobs:
    """Parse lines into jobs: a line is the service's own request body, plus an optional `custom_id`, the job's key.

    A line without a `custom_id` gets a key made from its parameters. Empty lines are skipped; null means "not given". A
    local file may stand in place of a media URL, as `file:clips/dance.mp4`.

    Args:
        lines: A file in UTF-8, split at its newlines. What follows the last newline is a line too; if it is no JSON,
            the file seems cut off.
        files_from: Folder that `file:` paths start from; None refuses them.
    """
    parser = _LineParser(files_from)
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
        parser.is_cut_off = False
        if text:
            parser.parse(number, text)
    if parser.is_cut_off:
        parser.bad[-1] = attrs.evolve(parser.bad[-1], text=f"the last line seems cut off: {parser.bad[-1].text}")
    return ParsedJobs(tuple(parser.jobs), tuple(parser.bad), tuple(parser.notes), parser.line_numbers)


class _LineParser:
    """Collects jobs and remarks, line by line: keys must be distinct over the whole file."""

    def __init__(self, files_from: Path | None) -> None:
        self._files_from = files_from
        self.jobs: list[Job] = []
        self.bad: list[Remark] = []
        self.notes: list[Remark] = []
        self.line_numbers: dict[str, int] = {}
        self.is_cut_off = False
        self._keys = KeyAssigner()
        self._first_lines: dict[str, int] = {}

    def parse(self, number: int, text: bytes) -> None:
        try:
            body = _body(text)
        except ValueError as error:
            self.bad.append(Remark(number, str(error)))
            # Reset by the next line: only the last line of a file can be cut off.
            self.is_cut_off = isinstance(error, _NoJsonError)
            return
        custom_id = body.pop("custom_id", None)
        # The key and the parameters are both checked, so that one run names every fault of a line.
        faults = self._key_faults(number, custom_id)
        params = self._params(number, body, faults)
        if params is not None and not faults:
            self._accept(number, params, custom_id, faults)
        if faults:
            self.bad.append(Remark(number, "; ".join(faults)))

    def _accept(self, number: int, params: Params, custom_id: Json, faults: list[str]) -> None:
        try:
            job = self._keys.job(Job(custom_id, params) if isinstance(custom_id, str) else params)
        except ConfigurationError as error:
            # A custom_id that equals the key made for another line.
            faults.append(str(error))
            return
        self.jobs.append(job)
        self.line_numbers[job.key] = number

    def _key_faults(self, number: int, custom_id: Json) -> list[str]:
        if custom_id is None:
            return []
        fault = key_fault(custom_id)
        if fault is not None or not isinstance(custom_id, str):
            return [f"{fault}, not {json.dumps(custom_id)[:80]} @ custom_id"]
        # A key counts as taken even if its first line is bad: correcting that line must not make this one bad.
        first = self._first_lines.setdefault(custom_id, number)
        return [] if first == number else [f"{custom_id!r} is taken by line {first} @ custom_id"]

    def _params(self, number: int, body: Mapping[str, Any], faults: list[str]) -> Params | None:
        with warnings.catch_warnings(record=True) as caught:
            # "always": the default shows a warning once per process, so only one of many lines would get its note.
            warnings.simplefilter("always", ParamsWarning)
            try:
                params = load_params(body, files_from=self._files_from)
            except ParamsError as error:
                faults.insert(0, str(error))
                return None
        self.notes += [Remark(number, str(one.message)) for one in caught if one.category is ParamsWarning]
        return params


class _NoJsonError(ValueError):
    """A line that cannot be parsed."""


def _body(text: bytes) -> dict[str, Json]:
    """Parse one line.

    Raises:
        _NoJsonError: The line is no JSON.
        ValueError: It is JSON, but not an object.
    """
    try:
        value = parse(text)
    except json.JSONDecodeError as error:
        raise _NoJsonError(f"no JSON, {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise _NoJsonError(f"no JSON, not UTF-8 at byte {error.start + 1}") from None
    except ValueError as error:
        raise _NoJsonError(f"no JSON, {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"must be a JSON object, not {json.dumps(value)[:80]}")
    return value
