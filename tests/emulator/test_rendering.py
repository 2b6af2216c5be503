"""Result files have the requested pixels, seconds and sound, and the title of their task."""

import itertools
from io import BytesIO

import av
import pytest
from PIL import Image

from evolink_async.emulator.rendering import video
from evolink_async.emulator.rendering.canvas import Title, png
from evolink_async.emulator.service.output_spec import ImageSpec, VideoSpec, output_spec

pytestmark = pytest.mark.anyio

TITLE = Title("wan2.6-reference-video", "task-unified-1757169743-7cvnl5zw", "A person dancing on a meadow")
PIXELS = {
    ("480p", "16:9"): (832, 480),
    ("480p", "9:16"): (480, 832),
    ("480p", "1:1"): (624, 624),
    ("480p", "4:3"): (736, 544),
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("720p", "1:1"): (960, 960),
    ("720p", "4:3"): (1104, 832),
    ("720p", "3:4"): (832, 1104),
    ("720p", "adaptive"): (1280, 720),
    ("1080p", "16:9"): (1920, 1080),
    ("1080p", "9:16"): (1080, 1920),
    ("1080p", "1:1"): (1440, 1440),
    ("1080p", "4:3"): (1648, 1248),
    ("1080p", "3:4"): (1248, 1648),
}
SPECS = [VideoSpec(width, height, 1, audio=False) for width, height in dict.fromkeys(PIXELS.values())]
SPECS += [VideoSpec(1280, 720, 5), VideoSpec(832, 480, 11), VideoSpec(480, 832, 2)]


@pytest.mark.parametrize(("asked", "pixels"), PIXELS.items())
def test_pixels(asked, pixels):
    """Quality and aspect ratio give the size of the wan2.7 pages; portrait is mirrored."""
    (quality, ratio), (width, height) = asked, pixels
    spec = output_spec({"quality": quality, "aspect_ratio": ratio}, path="/v1/videos/generations", seed=0, ordinal=1)
    assert spec == VideoSpec(width, height, 5)


@pytest.mark.parametrize(
    ("body", "seconds", "audio"),
    [
        ({}, 5, True),
        ({"duration": 0}, 5, True),
        ({"duration": 15.0}, 15, True),
        ({"duration": 2, "generate_audio": False}, 2, False),
    ],
)
def test_seconds_and_sound(body, seconds, audio):
    """An omitted or zero duration is 5 s; only `generate_audio: false` is silent."""
    spec = output_spec(body, path="/v1/videos/generations", seed=0, ordinal=1)
    assert isinstance(spec, VideoSpec)
    assert (spec.width, spec.height, spec.seconds, spec.audio) == (1280, 720, seconds, audio)


def test_the_model_may_choose_the_seconds():
    """-1 gives 2 to 30 s, the same for the same seed and ordinal."""
    films = [output_spec({"duration": -1}, path="/v1/videos/generations", seed=3, ordinal=n % 100) for n in range(200)]
    drawn = [film.seconds for film in films if isinstance(film, VideoSpec)]
    assert len(drawn) == 200
    assert set(drawn) <= set(range(2, 31))
    assert drawn[:100] == drawn[100:]
    assert len(set(drawn)) > 10


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_frame_decodes(spec):
    """H.264 yuv420p, all frames in order, exact seconds, AAC when requested, index before the media."""
    made = video.with_title(video.encode_untitled(spec), spec, TITLE)
    assert made.find(b"moov") < made.find(b"mdat")
    with av.open(BytesIO(made), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (spec.width, spec.height)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == spec.seconds
        assert container.duration is not None
        assert abs(container.duration / 1e6 - spec.seconds) <= 1 / video.FRAMES_PER_SECOND
        times = [frame.time for frame in container.decode(stream)]
    assert len(times) == spec.seconds * video.FRAMES_PER_SECOND
    assert times[0] == 0
    assert all(early < late for early, late in itertools.pairwise(times))
    with av.open(BytesIO(made), "r") as container:
        assert len(container.streams.audio) == spec.audio
        for sound in container.streams.audio:
            assert sound.codec_context.name == "aac"
            heard = sum(frame.samples for frame in container.decode(sound)) / sound.rate
            assert abs(heard - spec.seconds) <= 1 / video.FRAMES_PER_SECOND


def test_the_title_stays_and_the_disc_moves():
    """Every frame has the title of its task, unchanged to the end; the disc moves."""
    spec = VideoSpec(832, 480, 2, audio=False)
    untitled = video.encode_untitled(spec)
    frames = decoded(video.with_title(untitled, spec, TITLE))
    plain = decoded(untitled)
    title_box, disc_box = (0, 290, 832, 480), (0, 0, 832, 200)
    titles = {frame.crop(title_box).tobytes() for frame in frames}
    assert len(titles) == 1
    assert titles.isdisjoint(frame.crop(title_box).tobytes() for frame in plain)
    assert len({frame.crop(disc_box).tobytes() for frame in frames}) > 40
    other = decoded(video.with_title(untitled, spec, Title("m", "another task", "p")))
    assert other[0].crop(title_box).tobytes() not in titles


def decoded(content: bytes) -> list[Image.Image]:
    with av.open(BytesIO(content), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def test_encoding_can_be_stopped():
    """Encoding stops at the next frame, so that closing need not wait for a long video."""
    with pytest.raises(video.RenderStoppedError):
        video.encode_untitled(VideoSpec(832, 480, 30), stopped=lambda: True)


@pytest.mark.parametrize("size", [(64, 64), (1280, 1280), (1, 1)])
def test_images(size):
    """An image is a PNG of the requested size."""
    width, height = size
    with Image.open(BytesIO(png(width, height, TITLE))) as picture:
        assert (picture.format, picture.size) == ("PNG", size)


@pytest.mark.parametrize(
    ("body", "spec"),
    [
        ({"size": "1024x768", "n": 3}, ImageSpec(1024, 768, 3)),
        ({}, ImageSpec(1280, 1280, 1)),
        ({"size": "0x999999999"}, ImageSpec(1, 4096, 1)),
    ],
)
def test_image_specs(body, spec):
    """Size and number are those of the request, with an upper limit for the size."""
    assert output_spec(body, path="/v1/images/generations", seed=0, ordinal=1) == spec


async def test_results_are_served(client, emulator, http, clock):
    """Over HTTP: the requested number of files, each of the requested type and size."""
    wanted = {"model": "wan2.5-text-to-image", "prompt": "Ein Bär auf dem Mond", "size": "900x800", "n": 3}
    done = await client.finished(wanted, clock, path="/v1/images/generations")
    assert done["object"] == "image.generation.task"
    assert len(done["results"]) == 3
    for link in done["results"]:
        async with http.get(link) as response:
            with Image.open(BytesIO(await response.read())) as picture:
                assert picture.size == (900, 800)
    done = await client.finished({"model": "wan2.7-text-to-video", "prompt": "图1" * 3000, "duration": 2}, clock)
    async with http.get(done["results"][0]) as response:
        assert response.headers["Content-Type"] == "video/mp4"
        with av.open(BytesIO(await response.read()), "r") as container:
            assert container.duration == 2_000_000
