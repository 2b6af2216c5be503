"""From the bytes of one line to a JSON object, and how a line or a file is encoded if that is not UTF-8.

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
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


class NoJsonError(ValueError):
    """A line that cannot be parsed."""


def wide_encoding(content: bytes) -> str | None:
    """Return "UTF-16" or "UTF-32" if a text of JSON is encoded so, with or without a mark; else None."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name
    # Nearly all of JSON is ASCII, which these encodings pad with one or three null bytes. The start is enough, and a
    # power failure can leave null bytes at the end.
    start = content[:256]
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
    return f"{error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"


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
