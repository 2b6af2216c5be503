"""The demo's reference material: small clips, pictures and voices, made on the spot.

Which job uses which file stands in `jobs.jsonl`; nothing is uploaded here. PyAV and Pillow are imported
when something is made.
"""

# PyAV's stubs leave packets and keyword arguments half typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import array
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, cast

import attrs

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, VideoFrame
    from PIL import Image

Colour: TypeAlias = tuple[int, int, int]

_FRAMES_PER_SECOND = 12
_SAMPLE_RATE = 44_100
_SAMPLES_AT_ONCE = 1024
_LIMB = 12


@attrs.frozen
class Clip:
    """A film of somebody dancing: 640x360, H.264 and AAC."""

    seconds: int
    ground: Colour
    hertz: float

    def make(self, path: Path) -> None:
        """Write it to a file."""
        import av

        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options={"preset": "ultrafast"})
            video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
            sound = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
            for index in range(self.seconds * _FRAMES_PER_SECOND):
                picture = _dancer((640, 360), self.ground, index / _FRAMES_PER_SECOND)
                # PyAV left this one function without types.
                frame = cast("VideoFrame", av.VideoFrame.from_image(picture))  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = index, Fraction(1, _FRAMES_PER_SECOND)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            for samples in _tone(self.seconds, self.hertz):
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))


@attrs.frozen
class Still:
    """A still of the same somebody, square, 768 pixels a side."""

    ground: Colour
    pose: float

    def make(self, path: Path) -> None:
        """Write it to a file, in the form its name asks for."""
        _dancer((768, 768), self.ground, self.pose).save(path)


@attrs.frozen
class Voice:
    """A sound that swells and fades like a voice."""

    seconds: int
    hertz: float
    codec: str

    def make(self, path: Path) -> None:
        """Write it to a file."""
        import av

        with av.open(str(path), "w") as container:
            stream = cast("AudioStream", container.add_stream(self.codec, rate=_SAMPLE_RATE, layout="mono"))
            resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=_SAMPLE_RATE)
            for samples in _tone(self.seconds, self.hertz):
                for frame in resampler.resample(samples):
                    container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


MEDIA: Mapping[str, Clip | Still | Voice] = MappingProxyType(
    {
        "dancer.mp4": Clip(3, (52, 73, 94), 330.0),
        "singer.mp4": Clip(4, (94, 52, 73), 440.0),
        "walker.mov": Clip(2, (40, 90, 60), 262.0),
        "cat.png": Still((200, 170, 120), 0.3),
        "meadow.jpg": Still((96, 160, 80), 0.9),
        "guitar.png": Still((150, 90, 50), 1.4),
        "chair.webp": Still((120, 120, 140), 2.0),
        "voice.mp3": Voice(4, 220.0, "libmp3lame"),
        "voice.wav": Voice(3, 180.0, "pcm_s16le"),
    }
)
"""Every file a job of the demo may name, within the limits of the models' pages."""


def make_media(name: str, folder: Path) -> Path:
    """Make one of the files of `MEDIA` and return where it is.

    Args:
        name: Its name.
        folder: Where to; must be there.

    Raises:
        KeyError: There is no recipe of this name.
    """
    path = folder / name
    MEDIA[name].make(path)
    return path


def _dancer(size: tuple[int, int], ground: Colour, seconds: float) -> Image.Image:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", size, ground)
    pencil = ImageDraw.Draw(picture)
    unit, swing = size[1] / 10, math.sin(seconds * math.tau)
    x, hip = size[0] / 2 + swing * unit, 6 * unit
    pencil.ellipse((x - unit * 0.8, unit * 1.4, x + unit * 0.8, unit * 3), fill=(250, 220, 190))
    ends = (x - 2 * unit, (4 - swing) * unit), (x + 2 * unit, (4 + swing) * unit)
    feet = (x - (1 + swing) * unit, 9 * unit), (x + (1 - swing) * unit, 9 * unit)
    body = (x, 3 * unit), (x, hip)
    for start, end in (body, *(((x, 4 * unit), hand) for hand in ends), *(((x, hip), foot) for foot in feet)):
        pencil.line((*start, *end), fill=(245, 245, 245), width=_LIMB)
    return picture


def _tone(seconds: int, hertz: float) -> list[AudioFrame]:
    import av

    frames: list[AudioFrame] = []
    total = seconds * _SAMPLE_RATE
    for start in range(0, total, _SAMPLES_AT_ONCE):
        count = min(_SAMPLES_AT_ONCE, total - start)
        wave = array.array("f", (_sample((start + k) / _SAMPLE_RATE, hertz) for k in range(count)))
        frame = av.AudioFrame(format="fltp", layout="mono", samples=count)
        frame.planes[0].update(wave.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        frames.append(frame)
    return frames


def _sample(at: float, hertz: float) -> float:
    return 0.15 * (1 + math.sin(at * math.tau * 2)) * math.sin(at * math.tau * hertz)
