"""From the lines of a JSONL file to jobs, and a sentence for every line that is none.

Pure; which file it was and what becomes of the jobs is decided elsewhere.
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

_BOM = b"\xef\xbb\xbf"


@attrs.frozen
class Remark:
    """What there is to say of a line, counted from 1."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@attrs.frozen
class JobsFile:
    """What a file holds.

    Attributes:
        jobs: The good lines, in their order.
        bad: The others, each with everything that is wrong with it.
        notes: What the user should know of good lines.
        lines: The line of each job, by its key.
    """

    jobs: tuple[Job, ...]
    bad: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    lines: Mapping[str, int]


def read_jobs(lines: Iterable[bytes], files_from: Path | None = None) -> JobsFile:
    """Read jobs: a line is the service's own request body, plus an optional `custom_id`, the job's key.

    A line without a `custom_id` gets a key made of its parameters. Empty lines are skipped, null is "not given". A file
    of this machine may stand where a URL of media does, as `file:clips/dance.mp4`.

    Args:
        lines: A file in UTF-8, split at its newlines: what comes after the last one is a line too, and is no JSON if
            whoever wrote the file was cut short.
        files_from: The folder that `file:` paths start from; None refuses them.
    """
    reader = _LineReader(files_from)
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
        reader.is_cut_off = False
        if text:
            reader.read(number, text)
    if reader.is_cut_off:
        reader.bad[-1] = attrs.evolve(reader.bad[-1], text=f"the last line seems cut off: {reader.bad[-1].text}")
    return JobsFile(tuple(reader.jobs), tuple(reader.bad), tuple(reader.notes), reader.lines)


class _LineReader:
    def __init__(self, files_from: Path | None) -> None:
        self._files_from = files_from
        self.jobs: list[Job] = []
        self.bad: list[Remark] = []
        self.notes: list[Remark] = []
        self.lines: dict[str, int] = {}
        self.is_cut_off = False
        self._keys = KeyAssigner()
        self._seen: dict[str, int] = {}

    def read(self, number: int, text: bytes) -> None:
        try:
            body = _body(text)
        except ValueError as error:
            self.bad.append(Remark(number, str(error)))
            self.is_cut_off = isinstance(error, _NoJsonError)  # if nothing comes after it
            return
        custom_id = body.pop("custom_id", None)
        faults = self._key_faults(number, custom_id)
        params = self._params(number, body, faults)
        if params is not None and not faults:
            self._accept(number, params, custom_id, faults)
        if faults:
            self.bad.append(Remark(number, "; ".join(faults)))

    def _accept(self, number: int, params: Params, custom_id: Json, faults: list[str]) -> None:
        try:
            job = self._keys.job(Job(custom_id, params) if isinstance(custom_id, str) else params)
        except ConfigurationError as error:  # a custom_id that is also a key we made for another line
            faults.append(str(error))
            return
        self.jobs.append(job)
        self.lines[job.key] = number

    def _key_faults(self, number: int, custom_id: Json) -> list[str]:
        if custom_id is None:
            return []
        fault = key_fault(custom_id)
        if fault is not None or not isinstance(custom_id, str):
            return [f"{fault}, not {json.dumps(custom_id)[:80]} @ custom_id"]
        first = self._seen.setdefault(custom_id, number)
        return [] if first == number else [f"{custom_id!r} is taken by line {first} @ custom_id"]

    def _params(self, number: int, body: Mapping[str, Any], faults: list[str]) -> Params | None:
        with warnings.catch_warnings(record=True) as caught:
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
