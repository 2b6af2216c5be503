"""MP4 videos with H.264 and AAC: encoded once per video spec, then given the title of each task.

Frames are drawn in `canvas`. PyAV is imported when a video is rendered.

How a video gets its own title at the cost of encoding one frame: a video spec is encoded once, as a single group of
pictures. The encoder runs with a constant quantiser, one reference frame and no deblocking, so each block that does
not move is *skipped* in all later frames, which means copied from the first frame. The title is where nothing moves.
A task's video is therefore the untitled video with another first frame, and the title stays to the end.

Rejected: encoding each video (0.4 s for 5 s of 720p); a titled group of pictures before the untitled one (12 frames
to encode instead of one, and the title disappears after half a second).
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

from ..service.output_spec import VideoSpec
from .canvas import Canvas, Title

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

FRAMES_PER_SECOND = 24

Tone: TypeAlias = "Iterator[tuple[float, list[Packet[AudioStream]]]]"
"""Packets of sound, each list with the second that it starts at."""

_SAMPLE_RATE = 48_000
# Samples in one AAC frame.
_AUDIO_FRAME = 1024
_TONE_HERTZ = 440.0
# qp, ref and no-deblock keep blocks that do not move skipped; see the module's docstring.
# keyint, scenecut and bframes make one group of pictures, in the order in which the frames are shown.
_ENCODER_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "24",
    "x264-params": "keyint=infinite:scenecut=0:bframes=0:ref=1:no-deblock=1:threads=1:sliced-threads=0",
}
# Upper limits for the size of the MP4 index, which is reserved at the front before the samples are written.
_INDEX_BASE_BYTES = 4096
_INDEX_BYTES_PER_SAMPLE = 24


class RenderStoppedError(Exception):
    """The emulator closed while a video was being encoded."""


def _never() -> bool:
    """Return False: do not stop."""
    return False


def encode_untitled(spec: VideoSpec, *, stopped: Callable[[], bool] = _never) -> bytes:
    """Return a video without a title, which `with_title` takes.

    Args:
        spec: Pixels, seconds and sound.
        stopped: Called before each frame; True stops.

    Raises:
        RenderStoppedError: `stopped` returned True.
    """
    import av

    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = _video_stream(container, spec)
        tone = _tone(container, spec.seconds) if spec.audio else _silence()
        canvas = Canvas(spec.width, spec.height)
        for index in range(spec.seconds * FRAMES_PER_SECOND):
            if stopped():
                raise RenderStoppedError
            canvas.draw(index)
            container.mux(video.encode(_frame(canvas, index)))
            _mux_until(container, tone, (index + 1) / FRAMES_PER_SECOND)
        container.mux(video.encode(None))
        _mux_until(container, tone, math.inf)
    return out.getvalue()


def with_title(untitled: bytes, spec: VideoSpec, title: Title) -> bytes:
    """Return `untitled` with a title on every frame, and with the index in front.

    Args:
        untitled: The result of `encode_untitled(spec)`.
        spec: Pixels, seconds and sound.
        title: The text.
    """
    import av

    first_frame = _first_frame(spec, title)
    out = BytesIO()
    with cast("InputContainer", av.open(BytesIO(untitled))) as source:
        samples = sum(stream.frames for stream in source.streams)
        room = {"moov_size": str(_INDEX_BASE_BYTES + _INDEX_BYTES_PER_SAMPLE * samples)}
        with av.open(out, "w", format="mp4", options=room) as target:
            streams = {
                stream.index: target.add_stream_from_template(stream)
                for stream in (*source.streams.video, *source.streams.audio)
            }
            for packet in source.demux():
                # PyAV ends each stream with an empty packet.
                if packet.dts is None:
                    continue
                is_first = packet.is_keyframe and packet.stream.type == "video"
                chosen = _in_place_of(packet, first_frame) if is_first else packet
                chosen.stream = streams[packet.stream.index]
                target.mux_one(chosen)
    return out.getvalue()


def _first_frame(spec: VideoSpec, title: Title) -> bytes:
    # Through a container of one frame: its muxer converts the packet to the form that MP4 stores.
    import av

    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = _video_stream(container, spec)
        canvas = Canvas(spec.width, spec.height)
        canvas.draw(0, title)
        container.mux(video.encode(_frame(canvas, 0)))
        container.mux(video.encode(None))
    out.seek(0)
    with cast("InputContainer", av.open(out)) as source:
        return bytes(next(source.demux(video=0)))


def _in_place_of(packet: Packet[Stream], content: bytes) -> Packet[Stream]:
    import av

    other = av.Packet(content)
    # The timing and the key frame flag are not in the bytes.
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base = packet.time_base
    other.is_keyframe = True
    return other


def _video_stream(container: OutputContainer, spec: VideoSpec) -> VideoStream:
    stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=dict(_ENCODER_OPTIONS))
    stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
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
