"""The length of a sound, and of a video whose headers do not name it.

A wav names its length, and most mp3 files do. For other files PyAV, of the extra `media`, reads the container. Nothing
is decoded.
"""

# PyAV's stubs leave packets half typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import re

from .byte_window import Window
from .errors import UnreadableError

# Lengths in the header of a file that was written as a stream; its data goes to the end of the file.
_UNTIL_THE_END = (0, 0x7FFFFFFF, 0xFFFFFFFF)

_MICROSECONDS = 1_000_000

_ID3_BYTES = 10
_FIRST_FRAME_BYTES = 256
# Encoders write the number of frames and bytes into the first frame, which is silent. LAME and FFmpeg also write the
# number of samples that they added at the start and at the end.
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
    """Return the length of a wav in seconds; None if its header does not name the rate.

    Raises:
        EOFError: The file is cut off.
    """
    offset, bytes_per_second = 12, 0
    while True:
        kind, length = window.at(offset, 4), window.number(offset + 4, 4, big=False)
        if kind == b"fmt ":
            bytes_per_second = window.number(offset + 16, 4, big=False)
        if kind == b"data":
            break
        # Chunks begin at even offsets.
        offset += 8 + length + length % 2
    left = window.size_bytes - offset - 8
    if length not in _UNTIL_THE_END and length > left:
        raise EOFError
    return (left if length in _UNTIL_THE_END else length) / bytes_per_second if bytes_per_second else None


def mp3_seconds(window: Window) -> float | None:
    """Return the length of an mp3 in seconds, from its first frame or from PyAV; None if neither names it.

    Raises:
        EOFError: The file is shorter than its first frame says.
        UnreadableError: The file is damaged.
    """
    # The first frame goes before PyAV: if it disagrees with the size of the file, FFmpeg computes the length from the
    # size, and a few appended bytes, such as a tag, can make minutes.
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
    """Read a number of ID3 tags, with seven bits in each byte."""
    return sum(byte << 7 * place for place, byte in enumerate(reversed(number)))


def _sample_rate(frame: bytes) -> int | None:
    """Return the sample rate in the header of a frame of MPEG audio; None if it is not such a header."""
    if len(frame) < _FRAME_HEADER_BYTES or frame[0] != 0xFF:
        return None
    return _RATES.get((frame[1] >> 3 & 3, frame[2] >> 2 & 3))


def container_seconds(window: Window, form: str) -> float | None:
    """Return the length of a file in seconds; None without PyAV.

    Args:
        window: The whole file.
        form: The format, by its name in FFmpeg. No other format is tried.

    Raises:
        UnreadableError: The file is damaged.
    """
    try:
        import av
    except ImportError:
        # The extra `media` is not installed.
        return None
    window.file.seek(0)
    try:
        with av.open(window.file, "r", format=form) as container:
            if container.duration is not None:
                return container.duration / _MICROSECONDS
            # Without a length in the header: the end of the last packet.
            ends = [
                float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in container.demux()
                if packet.pts is not None
            ]
    except Exception:  # noqa: BLE001  # FFmpeg's errors have many bases, ValueError, OSError and EOFError among them
        raise UnreadableError("is damaged") from None
    return max(ends, default=None)
