"""From the bytes of one line to a JSON object, and what keeps a file from being such lines at all.

Pure: what the object means is decided in `job_lines`.
"""

from __future__ import annotations

import json
import re

from ...json_text import BYTE_ORDER_MARK, Json, parse_noting_repeats

# The marks of UTF-32 before those of UTF-16, which begin them.
_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# What compressed files begin with, by the name of the format.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_ONE_OBJECT = "each line must be one JSON object and nothing more"
# What a line of JSON can begin with, right or wrong, and what stands between the lines of a JSON text sequence.
_STARTS = (b"{", b"[", b'"', b"\x1e")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


class NoJsonError(ValueError):
    """A line that cannot be parsed."""


def fault_of_file(content: bytes) -> str | None:
    """Return why no line of a file can be meant as a job, to continue a sentence about it; None if some can."""
    for start, name in _PACKED.items():
        if content.startswith(start):
            return f"is compressed ({name}); unpack it first"
    encoding = wide_encoding(content)
    if encoding is not None:
        return f"is in {encoding}; save it as UTF-8"
    # Pictures, videos and programs begin so; no text does.
    if 0 in content[:8]:
        return "is no text, but binary data"
    content = content.removeprefix(BYTE_ORDER_MARK).lstrip()
    lines = [line.strip() for line in content.split(b"\n") if line.strip()]
    # One line alone has a fault of its own, which is named with its place.
    if len(lines) > 1 and not any(line.startswith(_STARTS) for line in lines):
        return f"is no file of JSON lines: {_ONE_OBJECT}"
    first, _, rest = content.partition(b"\n")
    goes_on = bool(rest.strip()) and _ends_early(first)
    # Not line by line: of an array with an object a line the last one has no comma, and would be bought alone.
    if first.startswith(b"[") and (goes_on or not rest.strip()):
        return f"is a JSON array, but {_ONE_OBJECT}; `jq -c '.[]' FILE` writes it so"
    if goes_on:
        return f"has a JSON object over several lines, but {_ONE_OBJECT}; `jq -c . FILE` writes it so"
    return None


def _ends_early(text: bytes) -> bool:
    """Whether a line only begins a JSON value, and does not end within a text."""
    try:
        parse_noting_repeats(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc.rstrip())
    # An encoding, or a depth, that is the fault of this line alone.
    except ValueError:
        return False
    return False


def wide_encoding(content: bytes) -> str | None:
    """Return "UTF-16" or "UTF-32" if a text of JSON is encoded so, with or without a mark; else None."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name
    # Nearly all of JSON is ASCII, which these encodings pad with one or three null bytes. The start is enough, without
    # null bytes at the end, which a power failure can leave.
    start = content[:256].rstrip(b"\0")
    share = start.count(0) / max(len(start), 1)
    return "UTF-32" if 0.65 < share < 0.85 else "UTF-16" if 0.25 < share <= 0.65 else None


def read_object(text: bytes) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Parse one line.

    Returns:
        The object, and the names that it, or an object in it, has twice.

    Raises:
        NoJsonError: The line is no JSON.
        ValueError: It is JSON, but not an object.
    """
    try:
        value, repeated = parse_noting_repeats(text)
    except json.JSONDecodeError as error:
        raise NoJsonError(f"no JSON, {_syntax_fault(text, error)}") from None
    except UnicodeDecodeError as error:
        raise NoJsonError(f"no JSON, {_encoding_fault(text, error)}") from None
    except UnicodeEncodeError:
        raise NoJsonError("no JSON, it has half of a surrogate pair, which UTF-8 cannot hold") from None
    except ValueError as error:
        raise NoJsonError(f"no JSON, {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"must be a JSON object, not {json.dumps(value)[:80]}")
    return value, repeated


def _syntax_fault(text: bytes, error: json.JSONDecodeError) -> str:
    # UTF-16 of plain English is valid UTF-8, with null bytes between the letters.
    encoding = wide_encoding(text)
    if encoding is not None and 0 in text:
        return f"{encoding}, not UTF-8"
    if error.doc.startswith(BYTE_ORDER_MARK.decode(), error.pos):
        return f"a byte order mark (BOM) at column {error.colno}, where two files were joined"
    place = f"at column {error.colno}"
    if error.msg == "Extra data":
        more = "a comma" if error.doc[error.pos :].strip() == "," else "more"
        return f"{more} follows {place}; {_ONE_OBJECT}"
    if error.msg.startswith("Unterminated string"):
        return f"no quotation mark ends the text that begins {place}"
    if error.pos >= len(error.doc.rstrip()):
        return f"it ends too early, {place}; {_ONE_OBJECT}"
    return f"{error.msg[:1].lower()}{error.msg[1:]} {place}"


def _encoding_fault(text: bytes, error: UnicodeDecodeError) -> str:
    place = f"not UTF-8 at byte {error.start + 1}"
    encoding = wide_encoding(text)
    if encoding is not None:
        return f"{encoding}, {place}"
    if error.reason == "unexpected end of data":
        return f"{place}: its last character is incomplete"
    # In latin-1 nearly every letter with an accent stands between plain ones; other encodings take two bytes or more.
    runs = [len(run) for run in _HIGH_BYTES.findall(text)]
    if runs.count(1) * 2 > len(runs):
        return f"{place}; it seems to be latin-1 (ISO-8859-1) or Windows-1252, so save it as UTF-8"
    return f"{place}; it seems to be in another encoding, as GBK, Shift JIS or Windows-1251, so save it as UTF-8"
