"""Makes the reference files of the demo: small video clips, images and sounds.

Which job uses which file is in `jobs.jsonl`; nothing is uploaded here. PyAV and Pillow are imported when one is made.
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
# AAC encodes frames of 1024 samples.
_SAMPLES_PER_FRAME = 1024
_LIMB_PIXELS = 12


@attrs.frozen
class Clip:
    """A video of a dancing figure, 640x360, H.264 and AAC.

    Attributes:
        seconds: Length of the video.
        ground: Colour of the background.
        hertz: Pitch of the sound.
    """

    seconds: int
    ground: Colour
    hertz: float

    def make(self, path: Path) -> None:
        """Write the file, in the format of the suffix of `path`."""
        import av

        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options={"preset": "ultrafast"})
            video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
            sound = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
            for index in range(self.seconds * _FRAMES_PER_SECOND):
                image = _draw_dancer((640, 360), self.ground, index / _FRAMES_PER_SECOND)
                # `from_image` is the one function of PyAV without types.
                frame = cast("VideoFrame", av.VideoFrame.from_image(image))  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = index, Fraction(1, _FRAMES_PER_SECOND)
                container.mux(video.encode(frame))
            # encode(None) returns the frames that the encoder still holds.
            container.mux(video.encode(None))
            for samples in _tone(self.seconds, self.hertz):
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))


@attrs.frozen
class Still:
    """An image of the same figure, 768x768.

    Attributes:
        ground: Colour of the background.
        pose: Moment of the dance, in seconds.
    """

    ground: Colour
    pose: float

    def make(self, path: Path) -> None:
        """Write the file, in the format of the suffix of `path`."""
        _draw_dancer((768, 768), self.ground, self.pose).save(path)


@attrs.frozen
class Voice:
    """A sound that swells and fades like a voice.

    Attributes:
        seconds: Length of the sound.
        hertz: Pitch of the sound.
        codec: PyAV's name of the codec.
    """

    seconds: int
    hertz: float
    codec: str

    def make(self, path: Path) -> None:
        """Write the file, in the format of the suffix of `path`."""
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
"""Every file that a job of the demo may name; each is within the limits of the models' pages."""


def make_media(name: str, folder: Path) -> Path:
    """Make one of the files of `MEDIA` and return its path.

    Args:
        name: A key of `MEDIA`.
        folder: An existing folder.

    Raises:
        KeyError: `MEDIA` has no such name.
    """
    path = folder / name
    MEDIA[name].make(path)
    return path


def _draw_dancer(size: tuple[int, int], ground: Colour, seconds: float) -> Image.Image:
    """Draw a stick figure at one moment of its dance, which repeats every second."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", size, ground)
    canvas = ImageDraw.Draw(image)
    unit, swing = size[1] / 10, math.sin(seconds * math.tau)
    x, hip = size[0] / 2 + swing * unit, 6 * unit
    canvas.ellipse((x - unit * 0.8, unit * 1.4, x + unit * 0.8, unit * 3), fill=(250, 220, 190))
    hands = (x - 2 * unit, (4 - swing) * unit), (x + 2 * unit, (4 + swing) * unit)
    feet = (x - (1 + swing) * unit, 9 * unit), (x + (1 - swing) * unit, 9 * unit)
    body = (x, 3 * unit), (x, hip)
    for start, end in (body, *(((x, 4 * unit), hand) for hand in hands), *(((x, hip), foot) for foot in feet)):
        canvas.line((*start, *end), fill=(245, 245, 245), width=_LIMB_PIXELS)
    return image


def _tone(seconds: int, hertz: float) -> list[AudioFrame]:
    import av

    frames: list[AudioFrame] = []
    total = seconds * _SAMPLE_RATE
    for start in range(0, total, _SAMPLES_PER_FRAME):
        count = min(_SAMPLES_PER_FRAME, total - start)
        wave = array.array("f", (_sample((start + k) / _SAMPLE_RATE, hertz) for k in range(count)))
        frame = av.AudioFrame(format="fltp", layout="mono", samples=count)
        # PyAV pads the buffer of a plane, and takes only updates of its whole size.
        frame.planes[0].update(wave.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        frames.append(frame)
    return frames


def _sample(at: float, hertz: float) -> float:
    """Return the sample at `at` seconds: a sine whose volume rises and falls twice a second."""
    return 0.15 * (1 + math.sin(at * math.tau * 2)) * math.sin(at * math.tau * hertz)
