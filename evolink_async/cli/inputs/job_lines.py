"""Turns the lines of a JSONL file into jobs, and says what is wrong with lines that are none.

Pure: the file itself is read by `jobs_file`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import attrs

from ...errors import ConfigurationError, ParamsError
from ...jobs import Job, KeyAssigner, key_fault
from ...json_text import BYTE_ORDER_MARK, Json
from ...params import NamedFile, Params, ParamsWarning, fields_of, files_of_body, load_params, registered_models
from .line_text import NoJsonError, read_object

# Objects in which other vendors' batch formats hold the request: OpenAI's, Anthropic's, Google's, Amazon's.
_FOREIGN = ("body", "params", "request", "modelInput")


@attrs.frozen
class Remark:
    """A remark on one line.

    Attributes:
        line: The number of the line, counted from 1.
        text: What is wrong with the line, or worth knowing.
        faults: The same, each for itself.
        key: The job's key, if the line has a valid one.
        model: The model that the line names.
        files: The local files that the line names, so that they can be checked too.
    """

    line: int
    text: str
    faults: tuple[str, ...] = ()
    key: str | None = None
    model: str | None = None
    files: tuple[NamedFile, ...] = ()

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
    local file may stand in place of a media URL, as `file:clips/dance.mp4`. For a whole number 5.0 is taken too, which
    programs write that have no other numbers.

    Args:
        lines: A file in UTF-8, split at its newlines. What follows the last newline is a line too; if it is no JSON,
            the file seems cut off.
        files_from: Folder that `file:` paths start from; None refuses them.
    """
    parser = _LineParser(files_from)
    for number, line in enumerate(lines, 1):
        parser.is_cut_off = False
        text = line.strip()
        if text.removeprefix(BYTE_ORDER_MARK).strip():
            parser.parse(number, text)
    if parser.is_cut_off:
        parser.bad[-1] = _refusal(parser.bad[-1].line, [f"the last line seems cut off: {parser.bad[-1].text}"])
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
        faults: list[str] = []
        # Editors on Windows write a mark at the start of a file.
        if text.startswith(BYTE_ORDER_MARK):
            text = text.removeprefix(BYTE_ORDER_MARK).strip()
            if number > 1:
                faults.append("a byte order mark (BOM) in the middle of the file, as joined files have; remove it")
        try:
            body, repeated = read_object(text)
        except ValueError as error:
            self.bad.append(_refusal(number, [*faults, str(error)]))
            # Reset by the next line: only the last line of a file can be cut off.
            self.is_cut_off = isinstance(error, NoJsonError)
            return
        faults += [f"is given twice @ {_shown_name(name)}" for name in repeated]
        self._parse_body(number, body, faults, has_key="custom_id" not in repeated)

    def _parse_body(self, number: int, body: dict[str, Json], faults: list[str], *, has_key: bool) -> None:
        custom_id = body.pop("custom_id", None)
        # The key and the parameters are both checked, so that one run names every fault of a line.
        key_faults = self._key_faults(number, custom_id) if has_key else []
        key = custom_id if has_key and isinstance(custom_id, str) and key_fault(custom_id) is None else None
        params, field_faults = self._params(number, body)
        all_faults = [*field_faults, *faults, *key_faults]
        if params is not None and not all_faults:
            self._accept(number, params, custom_id, all_faults)
        if all_faults:
            named = body.get("model")
            model = named if isinstance(named, str) else None
            # The limits that a field breaks are those of the model.
            bad = _refusal(number, all_faults, about=model if field_faults and model in registered_models() else None)
            files = files_of_body(body, files_from=self._files_from)
            self.bad.append(attrs.evolve(bad, key=key, model=model, files=files))

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
        if not isinstance(custom_id, str):
            return [f"must be text, not {json.dumps(custom_id)[:80]} @ custom_id"]
        fault = key_fault(custom_id)
        if fault is not None:
            return [f"{fault}, not {json.dumps(custom_id)[:80]} @ custom_id"]
        # A key counts as taken even if its first line is bad: correcting that line must not make this one bad.
        first = self._first_lines.setdefault(custom_id, number)
        return [] if first == number else [f"{custom_id!r} is taken by line {first} @ custom_id"]

    def _params(self, number: int, body: Mapping[str, Json]) -> tuple[Params | None, list[str]]:
        foreign = _foreign_envelope(body)
        if foreign is not None:
            return None, [
                "is of another vendor's batch format, which is not ours: a line is the request itself, so the fields "
                f"inside it stand beside custom_id @ {foreign}"
            ]
        with warnings.catch_warnings(record=True) as caught:
            # "always": the default shows a warning once per process, so only one of many lines would get its note.
            warnings.simplefilter("always", ParamsWarning)
            try:
                params = load_params(_as_meant(body), files_from=self._files_from)
            except ParamsError as error:
                return None, list(map(str, error.faults))
        self.notes += [Remark(number, str(one.message)) for one in caught if one.category is ParamsWarning]
        return params, []


def _as_meant(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """Read a line of a table of several models: null for the fields of the others, and 5.0 for whole numbers."""
    model = body.get("model")
    cls = registered_models().get(model) if isinstance(model, str) else None
    if cls is None:
        return body
    fields = fields_of(cls)
    own = {field.inside or field.name for field in fields}
    changed = {name: value for name, value in body.items() if value is not None or name in own}
    for field in fields:
        holder = changed if field.inside is None else changed.get(field.inside)
        value = holder.get(field.name) if isinstance(holder, dict) else None
        if isinstance(value, float) and value.is_integer() and field.rule.schema().get("type") == "integer":
            whole: dict[str, Json] = {field.name: int(value)}
            changed |= whole if field.inside is None else {field.inside: cast("dict[str, Json]", holder) | whole}
    return changed


def _refusal(number: int, faults: Sequence[str], *, about: str | None = None) -> Remark:
    return Remark(number, (f"{about}: " if about else "") + "; ".join(faults), tuple(faults))


def _foreign_envelope(body: Mapping[str, Json]) -> str | None:
    """Return the name of the object that holds the request in another vendor's format; None in our own."""
    for name in _FOREIGN:
        # No model of ours has a field of the first name. The others may be one day, so they need more to be sure.
        if isinstance(body.get(name), dict) and (name == _FOREIGN[0] or body.get("model") is None):
            return name
    return None


def _shown_name(name: str) -> str:
    """Write a name of a JSON object for a message: shortened, and in quotes if it is not a plain word."""
    short = name[:60]
    return short if short.isidentifier() and short == name else json.dumps(short)
