"""Files against the table of limits on the vendor's pages, made by real encoders just inside and just outside."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from evolink_async import HttpOptions, Params
from evolink_async.downloads import ResultReader
from evolink_async.errors import PreflightError
from evolink_async.media import LocalMedia, MediaFacts
from evolink_async.models import Wan26ImageToVideo, Wan26ReferenceVideo, Wan27ImageToVideo, Wan30ReferenceVideo
from evolink_async.params import RawParams, dump_params, load_params, local_media, registered_models
from evolink_async.uploads import Preflight, billed_input_seconds
from tests.footage import clip, document, image, sound
from tests.servers import reply, serving

pytestmark = pytest.mark.anyio

MB = 1 << 20
URL = "https://example.com/a.mp4"


class Limit(NamedTuple):
    """A row of the table of media limits (read 2026-11-20): what goes where, and how much of it."""

    places: str
    formats: str
    megabytes: int
    seconds: tuple[float, float] | None = None
    pixels: tuple[int, int] | None = None
    ratio: int | None = None


PICTURES = "jpeg png bmp webp"
TABLE = [
    Limit("wan2.5-image-to-video:image_urls", PICTURES, 10, None, (360, 2000)),
    Limit("wan2.5-image-to-image:image_urls", PICTURES, 10, None, (384, 5000)),
    Limit("wan2.6-image-to-video:image_urls wan2.6-image-to-video-flash:image_urls", PICTURES, 10, None, (360, 2000)),
    Limit(
        "wan2.7-image-to-video:image_start wan2.7-image-to-video:image_end wan2.7-reference-video:image_start "
        "wan2.7-reference-video:image_urls wan2.7-video-edit:image_urls wan3.0-image-to-video:image_start "
        "wan3.0-image-to-video:image_end wan3.0-prime-image-to-video:image_start "
        "wan3.0-prime-image-to-video:image_end wan3.0-reference-video:image_urls "
        "wan3.0-prime-reference-video:image_urls",
        PICTURES,
        20,
        None,
        (240, 8000),
        8,
    ),
    Limit("wan2.6-reference-video:video_urls wan2.6-reference-video-flash:video_urls", "mp4 mov", 100, (2, 30)),
    Limit("wan2.7-reference-video:video_urls", "mp4 mov", 100, (1, 30), (240, 4096), 8),
    Limit("wan2.7-image-to-video:video_urls wan2.7-video-edit:video_urls", "mp4 mov", 100, (2, 10), (240, 4096), 8),
    Limit(
        "wan3.0-reference-video:video_urls wan3.0-prime-reference-video:video_urls",
        "mp4 mov",
        100,
        (1, 15),
        (240, 4096),
        8,
    ),
    Limit(
        "wan2.6-text-to-video:audio_url wan2.6-image-to-video:audio_url wan2.6-image-to-video-flash:audio_url",
        "mp3",
        15,
        (3, 30),
    ),
    Limit("wan2.7-text-to-video:audio_urls wan2.7-image-to-video:audio_urls", "wav mp3", 15, (2, 30)),
    Limit("wan2.7-reference-video:audio_urls wan2.7-reference-video:voice_bindings", "wav mp3", 15, (1, 10)),
    Limit("wan3.0-reference-video:audio_urls wan3.0-prime-reference-video:audio_urls", "wav mp3", 15, (1, 15)),
    Limit(
        "wan3.0-reference-video:file_url wan3.0-prime-reference-video:file_url",
        "docx doc xlsx xls pptx ppt pdf txt key pages",
        100,
    ),
]
PLACES = [(limit, *place.split(":")) for limit in TABLE for place in limit.places.split()]
OTHERS = {"jpeg": "gif", "mp4": "m4a", "mp3": "m4a", "wav": "m4a", "docx": "zip"}
EXTENSIONS = {"jpeg": "jpg"}

PREFLIGHT = Preflight()
BARE_PREFLIGHT = Preflight()


@cache
def made(form: str, size: tuple[int, int] | None, seconds: float | None) -> bytes:
    """A file of this format, shape and length."""
    if form in ("mp4", "mov"):
        return clip(seconds or 3, size or (640, 480), form)
    if form in ("mp3", "wav", "m4a"):
        return sound(seconds or 3, form)
    if form in ("txt", "md"):
        return b"Once upon a time"
    if form in ("jpeg", "png", "bmp", "webp", "gif"):
        return image(form, size or (640, 480))
    return document(form)


class Sample(NamedTuple):
    """What to make, and the words of the fault it is to have; None for none."""

    form: str
    fault: str | None = None
    size: tuple[int, int] | None = None
    seconds: float | None = None
    size_bytes: int | None = None


def samples_of(limit: Limit) -> Iterator[Sample]:
    """Just inside and just outside of each limit."""
    forms = limit.formats.split()
    form = forms[-1] if "mp3" in forms else forms[0]
    inside = (limit.seconds[0] + limit.seconds[1]) / 4 if limit.seconds else None
    brief = limit.seconds[0] if limit.seconds else None  # a large picture takes long to encode
    for each in forms:
        yield Sample(each, seconds=inside)
    yield Sample(OTHERS.get(form, "gif"), f"not {OTHERS.get(form, 'gif')}", seconds=inside)
    most, long = limit.megabytes * MB, "doc" if form == "docx" else form  # a zip has its end at the end
    yield Sample(long, seconds=inside, size_bytes=most)
    yield Sample(long, f"must be up to {limit.megabytes} MB, not ", seconds=inside, size_bytes=most + 1)
    if limit.seconds:
        shortest, longest = limit.seconds
        words = f"must be {shortest} to {longest} s long, not "
        yield from (Sample(form, seconds=shortest), Sample(form, seconds=longest))
        yield from (Sample(form, words, seconds=shortest - 0.2), Sample(form, words, seconds=longest + 0.2))
    if limit.pixels:
        small, large = limit.pixels
        other = max(small, large // (limit.ratio or 100))
        words = f"must be {small} to {large} pixels a side, not "
        yield from (Sample(form, None, (small, small), brief), Sample(form, None, (other, large), brief))
        yield from (
            Sample(form, words, (small - 1, small), brief),
            Sample(form, words, (large + 1, other + 1), brief),
        )
    if limit.ratio and limit.pixels:
        words = f"must have an aspect ratio of 1:{limit.ratio} to {limit.ratio}:1, not "
        side = limit.pixels[0]
        yield Sample(form, None, (side, side * limit.ratio), brief)
        yield Sample(form, words, (side * limit.ratio + 1, side), brief)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the samples of all tests lie, each made once."""
    return tmp_path_factory.mktemp("samples")


def file_of(folder: Path, sample: Sample) -> Path:
    """Write a sample; what is to be long is filled up with nothing, which costs no disk."""
    path = folder / f"{abs(hash(sample))}.{EXTENSIONS.get(sample.form, sample.form)}"
    if not path.exists():
        path.write_bytes(made(sample.form, sample.size, sample.seconds))
        if sample.size_bytes:
            os.truncate(path, sample.size_bytes)
    return path


def asking(model: str, field: str, path: Path) -> Params:
    """Parameters with this file, and whatever else the model needs."""
    local = f"file:{path}"
    body = {"model": model, "prompt": "A", "image_urls": [URL], "video_urls": [URL], "image_start": URL, "duration": 15}
    known = {each.name: each for each in registered_models()[model].media_fields}
    body = {name: value for name, value in body.items() if name in known or name in ("model", "prompt")}
    body |= {"duration": 10} if "reference" in model or model == "wan2.7-video-edit" else {"duration": 15}
    if model == "wan2.7-image-to-video" and field == "audio_urls":
        del body["video_urls"]
    if model.startswith("wan2.5"):
        del body["duration"]
    if field == "voice_bindings":
        body["model_params"] = {"voice_bindings": {"image1": local}}
    elif field == "file_url":
        body["model_params"] = {"file_url": local}
    else:
        body[field] = [local] if field.endswith("_urls") else local
    return load_params(body, files_from=Path())


async def faults_of(params: Params, preflight: Preflight = PREFLIGHT) -> list[str]:
    """What preflight says of parameters."""
    try:
        await preflight.with_digests(params)
    except PreflightError as error:
        assert error.model == params.model
        return [fault.what for fault in error.faults]
    return []


@pytest.mark.parametrize(("limit", "model", "field"), PLACES, ids=lambda part: part if isinstance(part, str) else "")
async def test_preflight_agrees_with_the_table(limit, model, field, folder):
    """Every limit of every parameter of every model: just inside is taken, just outside is one fault."""
    for sample in samples_of(limit):
        path = file_of(folder, sample)
        faults = await faults_of(asking(model, field, path))
        if sample.fault is None:
            assert faults == [], sample
        else:
            assert len(faults) == 1, (sample, faults)
            assert faults[0].startswith(f"{path} must ")
            assert sample.fault in faults[0], sample


@pytest.mark.parametrize(("limit", "model", "field"), PLACES, ids=lambda part: part if isinstance(part, str) else "")
async def test_without_libraries_nothing_healthy_is_refused(limit, model, field, folder, monkeypatch):
    """Format and bytes are judged all the same; a limit for what is not known is not broken."""
    samples = [(sample, file_of(folder, sample)) for sample in samples_of(limit)]
    for library in ("av", "PIL", "pypdf"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    for sample, path in samples:
        faults = await faults_of(asking(model, field, path), BARE_PREFLIGHT)
        is_told = sample.fault is not None and (sample.fault.startswith("not ") or " MB, " in sample.fault)
        assert len(faults) == is_told, (sample, faults)
        assert all(str(sample.fault) in fault for fault in faults)


def test_the_table_is_complete():
    """Each parameter that takes media has its row."""
    kept = {(model, field.name) for model, cls in registered_models().items() for field in cls.media_fields}
    assert {(model, field) for _, model, field in PLACES} == kept


def dance(*clips: Path | str | LocalMedia) -> Wan26ReferenceVideo:
    """Parameters with these clips."""
    return Wan26ReferenceVideo(prompt="A", video_urls=list(clips))


async def test_what_is_measured_carries_its_digest(tmp_path):
    """The parameters come back with the SHA-256 of each file; links and other fields stay."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip(3))
    with_digests = await Preflight().with_digests(dance(path, URL))
    digest = hashlib.sha256(clip(3)).hexdigest()
    assert with_digests == dance(LocalMedia(path, digest), URL)
    assert dump_params(with_digests)["video_urls"] == [f"sha256:{digest}", URL]


async def test_parameters_without_files_come_back_as_they_are():
    """No file is opened and there is no wait."""
    preflight = Preflight()
    for params in (dance(URL), RawParams("wan9", {"video_urls": ["file:a.mp4"]})):
        assert await preflight.with_digests(params) is params
        assert preflight.facts_of(params) == {}


@pytest.mark.parametrize(
    ("name", "make", "what"),
    [
        ("missing.mp4", lambda path: None, "does not exist"),
        ("empty.mp4", lambda path: path.write_bytes(b""), "is empty"),
        ("folder.mp4", lambda path: path.mkdir(), "is a folder"),
        ("pipe.mp4", os.mkfifo, "is a device, pipe or socket, not a regular file"),
        ("device.mp4", lambda path: path.symlink_to("/dev/zero"), "is a device, pipe or socket, not a regular file"),
        ("cut.mp4", lambda path: path.write_bytes(clip(3)[:-100]), "is cut off or damaged"),
        ("cut.jpg", lambda path: path.write_bytes(image("jpeg")[:-1000]), "is cut off or damaged"),
        ("noise.mp4", lambda path: path.write_bytes(bytes(range(256))), "must be mp4 or mov, not an unknown format"),
        ("page.mp4", lambda path: path.write_bytes(b"<html>404</html>"), "must be mp4 or mov, not txt"),
        ("photo.mp4", lambda path: path.write_bytes(image("jpeg")), "must be mp4 or mov, not jpeg"),
        ("long.mp4", lambda path: path.write_bytes(clip(31)), "must be 2 to 30 s long, not 31"),
    ],
)
async def test_bad_input_is_one_sentence(name, make, what, tmp_path):
    """With the file, the limit and the value; no foreign error behind it."""
    path = tmp_path / name
    make(path)
    with pytest.raises(PreflightError) as caught:
        await Preflight().with_digests(dance(path))
    (fault,) = caught.value.faults
    assert str(fault) == f"{path} {what} @ video_urls[0]"
    assert str(caught.value) == f"wan2.6-reference-video: {fault}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "must be jpeg, png, bmp or webp, not heic"),
        (image("png", mode="RGBA"), "must have no alpha channel"),
        (image("png", (1, 1)), "must be 360 to 2000 pixels a side, not 1x1"),
    ],
)
async def test_bad_images_are_one_sentence(content, what, tmp_path):
    """What phones and editors make, and the service refuses after an upload."""
    path = tmp_path / "image.png"
    path.write_bytes(content)
    assert await faults_of(Wan26ImageToVideo(prompt="A", image_urls=[path])) == [f"{path} {what}"]


async def test_a_wrong_extension_alone_is_no_fault(tmp_path):
    """Content decides."""
    path = tmp_path / "photo.heic"
    path.write_bytes(image("jpeg"))
    assert await faults_of(Wan26ImageToVideo(prompt="A", image_urls=[path])) == []


async def test_a_file_far_too_long_is_refused_unread(tmp_path):
    """Eight gigabytes are neither hashed nor measured to say that a hundred megabytes is the limit."""
    path = tmp_path / "film.mp4"
    path.write_bytes(clip(3))
    os.truncate(path, 8 << 30)
    preflight = Preflight()
    assert await faults_of(dance(path), preflight) == [f"{path} must be up to 100 MB, not 8192.0"]
    facts = preflight.facts(LocalMedia(path))
    assert facts == MediaFacts(format="mp4", size_bytes=8 << 30)


async def test_all_faults_of_all_files_come_at_once(tmp_path):
    """Also those between files, as far as their lengths are known."""
    long, photo, gone = tmp_path / "long.mp4", tmp_path / "photo.gif", tmp_path / "gone.mp3"
    long.write_bytes(clip(14))
    photo.write_bytes(image("gif"))
    params = Wan30ReferenceVideo(
        image_urls=[photo], video_urls=[long, URL, long], audio_urls=[gone], file_url=tmp_path, duration=10
    )
    with pytest.raises(PreflightError) as caught:
        await Preflight().with_digests(params)
    assert [str(fault) for fault in caught.value.faults] == [
        f"{photo} must be jpeg, png, bmp or webp, not gif @ image_urls[0]",
        f"{gone} does not exist @ audio_urls[0]",
        f"{tmp_path} is a folder @ model_params.file_url",
        "must be up to 15 s in all, not 28 @ video_urls",
        "must be up to 30 s together with the clips, not 38 @ duration",
    ]


async def test_a_continuation_is_as_long_as_its_clip(tmp_path):
    """A rule between a file and a field."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip(6.2))
    fault = "must be at least the clip's 6.2 s, not 5"
    assert await faults_of(Wan27ImageToVideo(video_urls=[path], duration=5)) == [fault]
    assert await faults_of(Wan27ImageToVideo(video_urls=[path], duration=7)) == []


async def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    """However many jobs name it at once, by whatever number of parameters."""
    path, reads = tmp_path / "a.mp4", []
    path.write_bytes(clip(3))

    def counted(file: Path) -> MediaFacts:
        reads.append(1)
        return real(file)

    monkeypatch.setattr("evolink_async.uploads.measured_file.measure", counted)
    preflight = Preflight()
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(preflight.with_digests, dance(path, path))
    assert len(reads) == 1
    before = await preflight.with_digests(dance(path))
    path.write_bytes(clip(4))
    after = await preflight.with_digests(dance(path))
    assert len(reads) == 2
    assert before != after
    [now], [then] = local_media(after), local_media(before)
    facts = preflight.facts(now)
    assert facts is not None
    assert facts.seconds == 4
    assert preflight.facts(then) is None


def real(file) -> MediaFacts:
    """The probe that is stood in front of, to count."""
    from evolink_async.media.probe.measure import measure

    return measure(file)


async def test_a_file_once_too_long_is_hashed_when_another_model_takes_it(tmp_path):
    """What was left out for one model is done for the next."""
    path = tmp_path / "a.png"
    path.write_bytes(image("png"))
    os.truncate(path, 11 * MB)
    preflight = Preflight()
    fault = f"{path} must be up to 10 MB, not 11.0"
    assert await faults_of(Wan26ImageToVideo(prompt="A", image_urls=[path]), preflight) == [fault]
    [picture] = local_media(await preflight.with_digests(Wan27ImageToVideo(image_start=path)))
    assert picture.sha256


async def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    """Its digest would be that of no file there ever was."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip(3))

    def slow(file) -> MediaFacts:
        facts = real(file)
        os.truncate(path, 5000)
        return facts

    monkeypatch.setattr("evolink_async.uploads.measured_file.measure", slow)
    assert await faults_of(dance(path), Preflight()) == [f"{path} changes while it is read"]


async def test_only_so_many_files_are_remembered(tmp_path):
    """The oldest is forgotten, and measured again when it is asked for."""
    preflight, paths = Preflight(remembered=3), [tmp_path / f"{number}.mp4" for number in range(5)]
    for path in paths:
        path.write_bytes(clip(3))
        await preflight.with_digests(dance(path))
    assert [preflight.facts(LocalMedia(path)) is not None for path in paths] == [False, False, True, True, True]
    assert await faults_of(dance(*paths[:3]), preflight) == []


async def test_cancelling_leaves_nothing_half_done(tmp_path):
    """A cancelled job neither blocks the file for others nor spoils what is remembered."""
    path, preflight = tmp_path / "a.mp4", Preflight()
    path.write_bytes(clip(3))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await preflight.with_digests(dance(path))
    assert scope.cancelled_caught
    [film] = local_media(await preflight.with_digests(dance(path)))
    assert film.sha256


async def test_billed_seconds_come_from_real_lengths(tmp_path):
    """Of two clips 2.5 s each count at most; of models without such a rule, or unknown clips, nothing is said."""
    short, long, preflight = tmp_path / "a.mp4", tmp_path / "b.mp4", Preflight()
    short.write_bytes(clip(2))
    long.write_bytes(clip(4))
    params = await preflight.with_digests(dance(short, long))
    assert billed_input_seconds(params, preflight.facts_of(params)) == 4.5
    assert billed_input_seconds(params, {}) is None
    assert billed_input_seconds(Wan27ImageToVideo(), {}) is None
    assert billed_input_seconds(RawParams("wan9", {}), {}) is None


@pytest.fixture
async def result_reader():
    """A reader of links that may go to this machine."""
    reader = ResultReader(HttpOptions(allow_private_results=True))
    yield reader
    await reader.aclose()


REMOTE: list[tuple[Callable[[], bytes], str | None]] = [
    (lambda: reply(clip(3, in_front=True)), None),
    (lambda: reply(clip(31)), "must be 2 to 30 s long, not 31"),
    (lambda: reply(image("png")), "must be mp4 or mov, not png"),
    (lambda: reply(b""), "is empty"),
    (lambda: reply(b"<html>Log in</html>"), "must be mp4 or mov, not txt"),
    (lambda: reply(status=404), "is not served: its host answers 403, 404 or 410"),
    (lambda: reply(status=503), None),
    (lambda: b"garbage", None),
    (lambda: reply(clip(3), Content_Length=200 * MB), None),
]


@pytest.mark.parametrize(("answer", "what"), REMOTE)
async def test_links_are_judged_by_the_same_rules(answer, what, result_reader):
    """As far as the host answers; a host that does not answer is no fault."""
    async with serving(answer()) as server:
        params = dance(f"{server.url}/a.mp4")
        try:
            await Preflight().remote(params, result_reader)
        except PreflightError as error:
            assert [str(fault) for fault in error.faults] == [f"{what} @ video_urls[0]"]
        else:
            assert what is None


async def test_of_a_long_file_elsewhere_only_the_beginning_is_read(result_reader):
    """Its length is the Content-Length, and the connection is closed after a mebibyte."""
    sent = 0

    async def endless(reader, writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (300 * MB) + clip(3, in_front=True))
        while sent < 300 * MB:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    async with serving(endless) as server:
        with pytest.raises(PreflightError, match=r"must be up to 100 MB, not 300\.0 @ video_urls\[0\]"):
            await Preflight().remote(dance(f"{server.url}/a.mp4"), result_reader)
    assert sent < 50 * MB


async def test_a_link_is_read_once_and_told_with_the_files(tmp_path, result_reader):
    """The facts of everything come back by place, for rules and prices over several files."""
    path, preflight = tmp_path / "a.mp4", Preflight()
    path.write_bytes(clip(2))
    async with serving(reply(clip(4))) as server:
        params = dance(path, f"{server.url}/b.mp4", f"{server.url}/b.mp4")
        facts = await preflight.remote(params, result_reader)
        assert await preflight.remote(params, result_reader) == facts
        assert server.accepted == 1
    assert {place: one.seconds for place, one in facts.items()} == {
        "video_urls[0]": 2,
        "video_urls[1]": 4,
        "video_urls[2]": 4,
    }
    assert billed_input_seconds(params, facts) == 4.95
    assert await preflight.remote(RawParams("wan9", {}), result_reader) == {}
