"""How long a sound plays, and a film whose index does not say.

A wav tells by itself, an mp3 mostly; for the others PyAV, of the extra `media`, reads the container. No sound is
decoded.
"""

# PyAV's stubs leave packets half typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import re

from .errors import UnreadableError
from .window import Window

_UNTIL_THE_END = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""Lengths that writers leave in a header when they stream."""

_MICROSECONDS = 1_000_000

_ID3_BYTES = 10
_FIRST_FRAME_BYTES = 256
# What encoders write into the first frame, which is silent: how many frames and bytes there are; and LAME and FFmpeg,
# how many samples they added at either end.
_NOTE = re.compile(
    rb"(?:Xing|Info)\0\0\0[\x03\x07\x0b\x0f](?P<frames>.{4})(?P<bytes>.{4})"
    rb"(?:.{104}(?:LAME|Lav[cf]).{17}(?P<silence>.{3}))?",
    re.DOTALL,
)
_FRAME_HEADER_BYTES = 4
_RATES = {
    (version, index): rate >> halved
    for version, halved in ((3, 0), (2, 1), (0, 2))  # MPEG 1, 2 and 2.5
    for index, rate in enumerate((44_100, 48_000, 32_000))
}
_LEAST_FULL_RATE = 32_000
_SAMPLES_PER_FRAME = 1152


def wav_seconds(window: Window) -> float | None:
    """Read how long a wav plays; None if its header does not say.

    Raises:
        EOFError: It ends too early.
    """
    offset, bytes_per_second = 12, 0
    while True:
        kind, length = window.at(offset, 4), window.number(offset + 4, 4, big=False)
        if kind == b"fmt ":
            bytes_per_second = window.number(offset + 16, 4, big=False)
        if kind == b"data":
            break
        offset += 8 + length + length % 2
    left = window.size_bytes - offset - 8
    if length not in _UNTIL_THE_END and length > left:
        raise EOFError
    return (left if length in _UNTIL_THE_END else length) / bytes_per_second if bytes_per_second else None


def mp3_seconds(window: Window) -> float | None:
    """Read how long an mp3 plays, by the note of its first frame, or else by PyAV; None without both.

    FFmpeg reckons by the file's length where that disagrees with the note, and bytes behind the end make minutes.

    Raises:
        EOFError: It is shorter than its note says.
        UnreadableError: It is damaged.
    """
    head = window.head(_ID3_BYTES)
    start = _ID3_BYTES + _syncsafe(head[6:10]) if head.startswith(b"ID3") else 0
    window.file.seek(start)
    frame = window.file.read(_FIRST_FRAME_BYTES)
    note, rate = _NOTE.search(frame), _sample_rate(frame)
    if note is None or rate is None:
        return container_seconds(window, "mp3") if window.is_whole else None
    if start + int.from_bytes(note["bytes"]) > window.size_bytes:
        raise EOFError
    samples = _SAMPLES_PER_FRAME if rate >= _LEAST_FULL_RATE else _SAMPLES_PER_FRAME // 2
    silence = int.from_bytes(note["silence"] or b"")
    return (int.from_bytes(note["frames"]) * samples - (silence >> 12) - (silence & 0xFFF)) / rate


def _syncsafe(number: bytes) -> int:
    """Read a number of which each byte holds seven bits."""
    return sum(byte << 7 * place for place, byte in enumerate(reversed(number)))


def _sample_rate(frame: bytes) -> int | None:
    """Read the samples a second from the header of a frame of MPEG audio; None if it is none."""
    if len(frame) < _FRAME_HEADER_BYTES or frame[0] != 0xFF:
        return None
    return _RATES.get((frame[1] >> 3 & 3, frame[2] >> 2 & 3))


def container_seconds(window: Window, form: str) -> float | None:
    """Read how long a file plays; None without PyAV.

    Args:
        window: The whole file.
        form: Its format, as FFmpeg names it: no other way of reading it is tried.

    Raises:
        UnreadableError: It is damaged.
    """
    try:
        import av
    except ImportError:  # the extra `media` is not installed
        return None
    window.file.seek(0)
    try:
        with av.open(window.file, "r", format=form) as container:
            if container.duration is not None:
                return container.duration / _MICROSECONDS
            ends = [
                float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in container.demux()
                if packet.pts is not None
            ]
    except Exception:  # noqa: BLE001  # FFmpeg's errors have many bases, ValueError, OSError and EOFError among them
        raise UnreadableError("is damaged") from None
    return max(ends, default=None)
