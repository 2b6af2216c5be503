"""Real films: H.264 and AAC in MP4, the index in front, cheap for thousands of tasks of few shapes.

Nothing here knows tasks, clocks or HTTP. PyAV is imported when something is rendered.

How a film gets its own title for the price of one frame: a shape is encoded once, as a single group of
pictures. The encoder runs at a constant quantiser, with one reference and no deblocking, so what does not move
is *skipped* in every later frame, that is, copied from the first one. The title stands where nothing moves;
a task's film is therefore the shape's film with another first frame, and the title stays to the end.
Rejected: encoding each film (0.4 s for 5 s of 720p), and a titled group of pictures before the shape's (12
frames to encode instead of one, and the title gone after half a second).
"""

# PyAV's stubs leave packets and keyword arguments half typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import array
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias, cast

from ..service.outputs import Film
from .canvas import Canvas, Title

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

FRAMES_PER_SECOND = 24

Tone: TypeAlias = "Iterator[tuple[float, list[Packet[AudioStream]]]]"
"""Packets of sound, each lot with the seconds it begins at."""

_SAMPLE_RATE = 48_000
_AUDIO_FRAME = 1024
_TONE_HERTZ = 440.0
_ENCODER = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "24",
    "x264-params": "keyint=infinite:scenecut=0:bframes=0:ref=1:no-deblock=1:threads=1:sliced-threads=0",
}
_INDEX_BASE_BYTES = 4096
_INDEX_BYTES_PER_SAMPLE = 24


class RenderStoppedError(Exception):
    """The emulator closed while a film was being encoded."""


def never() -> bool:
    """Return False: the rendering is wanted to the end."""
    return False


def encode_spec(film: Film, *, stopped: Callable[[], bool] = never) -> bytes:
    """Return a film of this shape without a title: the stock that `titled` works on.

    Args:
        film: Pixels, seconds, sound.
        stopped: Asked before every frame.

    Raises:
        RenderStoppedError: `stopped` said so.
    """
    import av

    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = _video_stream(container, film)
        tone = _tone(container, film.seconds) if film.audio else _silence()
        canvas = Canvas(film.width, film.height)
        for index in range(film.seconds * FRAMES_PER_SECOND):
            if stopped():
                raise RenderStoppedError
            canvas.draw(index)
            container.mux(video.encode(_frame(canvas, index)))
            _mux_until(container, tone, (index + 1) / FRAMES_PER_SECOND)
        container.mux(video.encode(None))
        _mux_until(container, tone, math.inf)
    return out.getvalue()


def titled(stock: bytes, film: Film, title: Title) -> bytes:
    """Return the film `stock` with a title on every frame, index first.

    Args:
        stock: What `encode_spec` made of `film`.
        film: Its shape.
        title: What to write.
    """
    import av

    first_frame = _first_frame(film, title)
    out = BytesIO()
    with cast("InputContainer", av.open(BytesIO(stock))) as source:
        samples = sum(stream.frames for stream in source.streams)
        room = {"moov_size": str(_INDEX_BASE_BYTES + _INDEX_BYTES_PER_SAMPLE * samples)}
        with av.open(out, "w", format="mp4", options=room) as target:
            streams = {
                stream.index: target.add_stream_from_template(stream)
                for stream in (*source.streams.video, *source.streams.audio)
            }
            for packet in source.demux():
                if packet.dts is None:
                    continue
                is_first = packet.is_keyframe and packet.stream.type == "video"
                chosen = _in_place_of(packet, first_frame) if is_first else packet
                chosen.stream = streams[packet.stream.index]
                target.mux_one(chosen)
    return out.getvalue()


def _first_frame(film: Film, title: Title) -> bytes:
    # Through a container of one frame: its muxer brings the packet into the form that MP4 stores.
    import av

    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = _video_stream(container, film)
        canvas = Canvas(film.width, film.height)
        canvas.draw(0, title)
        container.mux(video.encode(_frame(canvas, 0)))
        container.mux(video.encode(None))
    out.seek(0)
    with cast("InputContainer", av.open(out)) as source:
        return bytes(next(source.demux(video=0)))


def _in_place_of(packet: Packet[Stream], content: bytes) -> Packet[Stream]:
    import av

    other = av.Packet(content)
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base = packet.time_base
    other.is_keyframe = True
    return other


def _video_stream(container: OutputContainer, film: Film) -> VideoStream:
    stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=dict(_ENCODER))
    stream.width, stream.height, stream.pix_fmt = film.width, film.height, "yuv420p"
    return stream


def _frame(canvas: Canvas, index: int) -> VideoFrame:
    import av

    frame = av.VideoFrame(canvas.width, canvas.height, "yuv420p")
    for number, plane in enumerate(frame.planes):
        plane.update(canvas.plane_bytes(number, plane.line_size))
    frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
    return frame


def _mux_until(container: OutputContainer, tone: Tone, seconds: float) -> None:
    for at, packets in tone:
        container.mux(packets)
        if at >= seconds:
            return


def _silence() -> Tone:
    yield from ()


def _tone(container: OutputContainer, seconds: int) -> Tone:
    stream: AudioStream = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
    return _tone_packets(stream, seconds)


def _tone_packets(stream: AudioStream, seconds: int) -> Tone:
    total = seconds * _SAMPLE_RATE
    for start in range(0, total, _AUDIO_FRAME):
        count = min(_AUDIO_FRAME, total - start)
        yield start / _SAMPLE_RATE, stream.encode(_audio_frame(start, count))
    yield float(seconds), stream.encode(None)


def _audio_frame(start: int, count: int) -> AudioFrame:
    import av

    step = 2 * math.pi * _TONE_HERTZ / _SAMPLE_RATE
    wave = array.array("f", (0.1 * math.sin(step * (start + k)) for k in range(count)))
    frame = av.AudioFrame(format="fltp", layout="mono", samples=count)
    plane = frame.planes[0]
    plane.update(wave.tobytes().ljust(plane.buffer_size, b"\0"))
    frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
    return frame
