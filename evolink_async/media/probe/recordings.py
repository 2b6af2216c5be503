"""Length and size of a sound or video, as PyAV finds them.

Which file is a recording is told in `signatures`. Packets are counted, not decoded; one frame is decoded, which tells
the rotation.
"""

# PyAV's stubs leave packets and streams half typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

from .bounded_file import TooMuchError, bounded
from .errors import BROKEN, UnreadableError

if TYPE_CHECKING:
    from av import Packet, VideoStream
    from av.container import InputContainer

FORMATS = {"mp4": "mov", "mov": "mov", "m4a": "mov", "3gp": "mov", "mp3": "mp3", "wav": "wav"}
"""The formats, each with the name of its reader in FFmpeg. No other reader is used: some would open further files."""

_MICROSECONDS = 1_000_000
_MOST_AT_ONCE = 64 << 20
# Enough for an hour of sound.
_MOST_PACKETS = 200_000
# An encoder of sound adds up to 2500 samples at both ends, which a header does not count; at 8000 Hz 0.3 s.
_PADDING_SECONDS = 0.32
# The longest frame of a sound that encoders fill up with silence: 1024 samples at 7350 Hz.
_LONGEST_FRAME = 0.14
# A larger frame is not decoded. No model takes longer sides.
_MOST_DECODED = 4096 * 4096
_PICTURES = ("mjpeg", "png", "bmp")
# By how many seconds a film may differ from its header if its clock has whole seconds only.
_COARSEST = 1.5


def recording_facts(file: IO[bytes], form: str, *, start: int = 0, is_whole: bool) -> dict[str, Any]:
    """Return the length, and width and height of the upright video; another `format` if the tracks say so.

    What is before `start` is skipped: of FFmpeg's readers only that of mp3 skips an ID3 tag.

    Raises:
        ImportError: PyAV is not installed.
        UnreadableError: PyAV cannot read any of it.
    """
    import av
    from av.error import FFmpegError

    try:
        behind = bounded(file, _MOST_AT_ONCE, start=start)
        with av.open(behind, "r", format=FORMATS[form], **_tolerant(av)) as container:
            films = _played([one for one in container.streams.video if not _is_cover(one)])
            sounds = _played(list(container.streams.audio))
            tracks = [*films, *sounds]
            film = max(films, key=lambda one: math.prod(_size(one)), default=None)
            known = {} if film is None else _sides(*_size(film))
            if not is_whole:
                # Of a sound, and of a video in pieces, the first bytes do not tell the length.
                tells = FORMATS[form] == "mov" and not _is_in_pieces(file)
                return known | ({"seconds": _header_seconds(container)} if tells else {})
            # A container with sound alone is a sound file, and one with a video is none, whatever its brand is.
            if sounds and not films and form in ("mp4", "mov"):
                known["format"] = "m4a"
            elif films and form == "m4a":
                known["format"] = "mp4"
            elif form == "mp3" and sounds and not any(map(_is_layer_iii, sounds)):
                known["format"] = "mp2"
            return known | (_walk(container, tracks, film) if tracks or not container.streams.video else {})
    except FFmpegError:
        if is_whole:
            raise UnreadableError(BROKEN) from None
    except TooMuchError:
        pass
    return {}


def _tolerant(av: ModuleType) -> dict[str, Any]:
    """Return arguments with which tags in another encoding than UTF-8 are no damage; from PyAV 19 on they never are."""
    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


def is_mp3(file: IO[bytes]) -> bool:
    """Whether an mp3 begins with the rest of a frame, as one that was cut out of a longer one.

    Raises:
        ImportError: PyAV is not installed.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(bounded(file, _MOST_AT_ONCE), "r", options={"format_whitelist": "mp3"}) as container:
            # FFmpeg's reader takes the other layers of MPEG audio too.
            return any(map(_is_layer_iii, container.streams.audio))
    except (FFmpegError, TooMuchError):
        return False


def _is_layer_iii(track: Any) -> bool:  # noqa: ANN401  # the stubs do not say that the codec can be missing
    # The decoder is called mp3float.
    return getattr(track.codec_context, "name", "mp3").startswith("mp3")


def _played(tracks: list[Any]) -> list[Any]:
    """Return the tracks that are enabled; all, if none is."""
    from av.stream import Disposition

    return [one for one in tracks if one.disposition & Disposition.default] or tracks


def _is_cover(track: VideoStream) -> bool:
    from av.stream import Disposition

    is_marked = bool(track.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))
    return is_marked or (track.frames == 1 and getattr(track.codec_context, "name", None) in _PICTURES)


def _is_in_pieces(file: IO[bytes]) -> bool:
    """Whether the first bytes are those of a fragmented mp4: it has boxes of these names."""
    file.seek(0)
    first = file.read()
    return b"mvex" in first or b"moof" in first


def _header_seconds(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / _MICROSECONDS


def _walk(container: InputContainer, tracks: list[Any], film: VideoStream | None) -> dict[str, Any]:
    """Read the packets of tracks; return the length, and the size of a video that is turned."""
    from av.error import FFmpegError

    fine: dict[int, _Span] = defaultdict(_Span)
    coarse: dict[int, _Span] = defaultdict(_Span)
    count, known = 0, dict[str, Any]()
    is_all, is_readable = False, True
    try:
        # A stream ends with an empty packet.
        for count, packet in enumerate(filter(_has_content, container.demux(tracks) if tracks else ()), 1):
            if film is not None and not known and packet.stream_index == film.index:
                known = _upright(film, packet)
            if packet.pts is not None:
                (fine if packet.time_base < 1 else coarse)[packet.stream_index].add(packet)
            if count == _MOST_PACKETS:
                break
        else:
            is_all = True
    except TooMuchError:
        pass
    except FFmpegError:
        is_readable = False
    if not count and (is_all or not is_readable):
        raise UnreadableError(BROKEN)
    header = _header_seconds(container)
    fine, coarse = _with_content(fine), _with_content(coarse)
    # Most clocks of whole seconds come from a damaged header; one of frames that last for seconds agrees with the film.
    if coarse and header is not None and abs(_union(coarse.values()).seconds - header) <= _COARSEST:
        fine |= coarse
    if not fine or not is_readable:
        return known
    return {**known, "seconds": _seconds(header, _counted(fine, film), is_all=is_all)}


class _Span:
    """The time from the first to the last of some packets."""

    def __init__(self) -> None:
        self.start, self.end = float("inf"), 0.0
        self._count, self._first, self._last = 0, 0.0, 0.0

    def __bool__(self) -> bool:
        return self.start <= self.end

    @property
    def seconds(self) -> float:
        return self.end - max(0.0, self.start)

    @property
    def seconds_without_padding(self) -> float:
        """Less the first frame and the last, which can be silence of an encoder."""
        return self.seconds - self._first - min(self._last, _LONGEST_FRAME)

    def add(self, packet: Packet[Any]) -> None:
        self._count += 1
        # An edit leaves out some at the start.
        if packet.is_discard:
            return
        # Only of a packet with a time.
        pts, clock = packet.pts or 0, packet.time_base
        start, end = float(pts * clock), float((pts + (packet.duration or 0)) * clock)
        # Without an edit, the first is padding up to where the second begins.
        if self._count == 2 and self:
            self._first = max(0.0, start) - max(0.0, self.start)
        if end > self.end:
            self._last = end - start
        self.start, self.end = min(self.start, start), max(self.end, end)


def _with_content(spans: Mapping[int, _Span]) -> dict[int, _Span]:
    return {index: one for index, one in spans.items() if one}


def _union(spans: Iterable[_Span]) -> _Span:
    whole = _Span()
    for one in spans:
        whole.start, whole.end = min(whole.start, one.start), max(whole.end, one.end)
    return whole


def _counted(spans: Mapping[int, _Span], film: VideoStream | None) -> float:
    """Return the length of all tracks together, by their packets, but without what may be padding."""
    whole = _union(spans.values()).seconds
    # If pictures are stored in another order than they are shown, the film begins and ends later than the sound.
    longest = max(one.seconds for one in spans.values())
    if film is not None and film.index in spans:
        shown = spans[film.index].seconds
        if all(one.seconds_without_padding <= shown for one in spans.values()):
            longest = shown
    return longest if whole - longest <= _PADDING_SECONDS else whole


def _has_content(packet: Packet[Any]) -> bool:
    return packet.size > 0


def _seconds(header: float | None, counted: float, *, is_all: bool) -> float | None:
    """Choose the length: that of the header, if it differs from the packets by no more than their padding."""
    if not is_all:
        return max(header or 0, counted)
    return header if header is not None and 0 <= counted - header <= _PADDING_SECONDS else counted


def _size(film: VideoStream) -> tuple[int, int]:
    """Return width and height as they are stored; zeros if PyAV has no name for the codec."""
    # PyAV's stubs do not say that the codec can be missing.
    codec: Any = film.codec_context
    return (0, 0) if codec is None else (codec.width, codec.height)


def _sides(width: int, height: int) -> dict[str, Any]:
    return {"width": width, "height": height} if width and height else {}


def _upright(film: VideoStream, packet: Packet[Any]) -> dict[str, Any]:
    """Return width and height of a video, after decoding its first packet to find whether it is stored lying."""
    width, height = _size(film)
    try:
        if 0 < width * height <= _MOST_DECODED:
            film.codec_context.thread_count = 1
            frames = film.decode(packet) or film.decode(None)
            if frames and frames[0].rotation % 180:
                return _sides(height, width)
    except Exception:  # noqa: BLE001, S110  # a codec that PyAV lacks, or a damaged frame; the limits of both sides are the same
        pass
    return _sides(width, height)
