"""Media as values: how a local file is written and read, which facts break a rule, and the messages."""

from __future__ import annotations

import pickle
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.media import MB, LocalMedia, MediaFacts, MediaRule, lengths, media_faults, media_in, replace_media

IMAGE = MediaRule(
    kind="image", formats=("jpeg", "png", "bmp", "webp"), max_bytes=10 * MB, sides=(240, 8000), max_ratio=8, alpha=False
)
CLIP = MediaRule(kind="video", formats=("mp4", "mov"), max_bytes=100 * MB, seconds=(2, 30), sides=(240, 4096))
SOUND = MediaRule(kind="audio", formats=("mp3",), max_bytes=15 * MB, seconds=(3, 30))
PAPER = MediaRule(kind="file", formats=("pdf", "md"), max_bytes=100 * MB, max_pages=50)

PHOTO = MediaFacts(format="png", size_bytes=MB, width=800, height=600, has_alpha=False)
FILM = MediaFacts(format="mp4", size_bytes=MB, width=800, height=600, seconds=5)

JUDGED = [
    (IMAGE, PHOTO, {}, []),
    (IMAGE, PHOTO, {"format": "heic"}, ["must be jpeg, png, bmp or webp, not heic"]),
    (IMAGE, PHOTO, {"size_bytes": 10 * MB}, []),
    (IMAGE, PHOTO, {"size_bytes": 10 * MB + 1}, ["must be up to 10 MB, not 10.000001"]),
    (IMAGE, PHOTO, {"size_bytes": int(12.34 * MB)}, ["must be up to 10 MB, not 12.3"]),
    (IMAGE, PHOTO, {"width": 240}, []),
    (IMAGE, PHOTO, {"width": 239}, ["must be 240 to 8000 pixels a side, not 239x600"]),
    (IMAGE, PHOTO, {"width": 8000, "height": 1000}, []),
    (IMAGE, PHOTO, {"width": 8001, "height": 1001}, ["must be 240 to 8000 pixels a side, not 8001x1001"]),
    (IMAGE, PHOTO, {"width": 300, "height": 2401}, ["must have an aspect ratio of 1:8 to 8:1, not 300x2401"]),
    (
        IMAGE,
        PHOTO,
        {"width": 1, "height": 9},
        ["must be 240 to 8000 pixels a side, not 1x9", "must have an aspect ratio of 1:8 to 8:1, not 1x9"],
    ),
    (IMAGE, PHOTO, {"has_alpha": True}, ["must have no alpha channel"]),
    (IMAGE, PHOTO, {"has_alpha": True, "format": "webp"}, []),
    (CLIP, FILM, {"seconds": 2}, []),
    (CLIP, FILM, {"seconds": 30}, []),
    (CLIP, FILM, {"seconds": 30.05}, []),
    (CLIP, FILM, {"seconds": 31.4}, ["must be 2 to 30 s long, not 31.4"]),
    (CLIP, FILM, {"seconds": 30.07}, ["must be 2 to 30 s long, not 30.07"]),
    (CLIP, FILM, {"seconds": 1.5}, ["must be 2 to 30 s long, not 1.5"]),
    (SOUND, FILM, {"format": "wav"}, ["must be mp3, not wav"]),
    (PAPER, PHOTO, {"format": "pdf", "pages": 50}, []),
    (PAPER, PHOTO, {"format": "pdf", "pages": 51}, ["must have up to 50 pages, not 51"]),
    (
        CLIP,
        FILM,
        {"format": "webm or mkv", "size_bytes": 8 << 30, "seconds": 90, "width": 8},
        [
            "must be mp4 or mov, not webm or mkv",
            "must be up to 100 MB, not 8192.0",
            "must be 2 to 30 s long, not 90",
            "must be 240 to 4096 pixels a side, not 8x600",
        ],
    ),
]


@pytest.mark.parametrize(("rule", "facts", "changes", "faults"), JUDGED)
def test_a_fault_says_the_limit_and_the_value(rule, facts, changes, faults):
    """One sentence for each limit that is broken, none at the limit itself."""
    found = list(media_faults(rule, attrs.evolve(facts, **changes), "video_urls[1]"))
    assert [fault.what for fault in found] == faults
    assert {fault.path for fault in found} <= {"video_urls[1]"}


@pytest.mark.parametrize("rule", [IMAGE, CLIP, SOUND, PAPER])
def test_what_is_not_known_is_not_judged(rule):
    """Only the length of a file is always known."""
    assert list(media_faults(rule, MediaFacts(format=None, size_bytes=1), "x")) == []


def test_a_rule_describes_itself():
    """The description is one line, for tables and forms."""
    assert IMAGE.describe() == (
        "jpeg, png, bmp or webp (png without transparency); up to 10 MB; 240 to 8000 pixels a side; 1:8 to 8:1"
    )
    assert CLIP.describe() == "mp4 or mov; up to 100 MB; 2 to 30 s; 240 to 4096 pixels a side"
    assert PAPER.describe() == "pdf or md; up to 100 MB; up to 50 pages"


def test_local_media_are_values():
    """Equal by place and content, hashable, picklable, made of text or a path."""
    local = LocalMedia("clips/a.mp4", "00ff")
    assert local == LocalMedia(Path("clips/a.mp4"), "00ff") == pickle.loads(pickle.dumps(local))
    assert len({local, LocalMedia("clips/a.mp4")}) == 2
    assert str(local) == "sha256:00ff"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:a.mp4", "/jobs/a.mp4"),
        ("file:clips/100% b#1?.mp4", "/jobs/clips/100% b#1?.mp4"),
        ("file:%20.mp4", "/jobs/%20.mp4"),
        ("file:../a.mp4", "/jobs/../a.mp4"),
        ("file:/films/a.mp4", "/films/a.mp4"),
        ("file:///films/a%20b%C3%A4.mp4", "/films/a bä.mp4"),
        ("file://localhost/films/a.mp4", "/films/a.mp4"),
        ("file:////srv/a.mp4", "//srv/a.mp4"),
    ],
)
def test_a_path_is_as_typed_and_a_uri_is_decoded(text, path):
    """`file:` and a path is what people write; `file://` is what programs write."""
    assert LocalMedia.named(text, Path("/jobs")).path == Path(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("file:", "must name a file after file:"),
        ("file://", "must name a file after file:"),
        ("file:a\0b", "must name a file after file:"),
        ("file:///a%00b", "must name a file after file:"),
        ("file://nas/films/a.mp4", "must be a file on this computer"),
        ("file://[::1/a.mp4", "must be a file URI in percent-encoded UTF-8"),
        ("file:///%ff.mp4", "must be a file URI in percent-encoded UTF-8"),
        ("file:///a.mp4?x=1", "must be a file URI with ? and # percent-encoded"),
    ],
)
def test_a_text_that_names_no_file_is_refused_in_a_sentence(text, fault):
    """A text that names another computer, or no file, is refused without access to the disk."""
    with pytest.raises(ValueError, match="must") as caught:
        LocalMedia.named(text, Path("/jobs"))
    assert str(caught.value) == fault


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_what_is_written_is_read_again(name):
    """Every path is read back from its text."""
    local = LocalMedia(name)
    assert LocalMedia.named(str(local), Path()) == local


def test_places_of_every_structure():
    """One, several and named media are walked over with their places, and replaced in the same structure."""
    value = ("a", LocalMedia("b"))
    assert list(media_in("a", "x")) == [("x", "a")]
    assert list(media_in(value, "x")) == [("x[0]", "a"), ("x[1]", LocalMedia("b"))]
    assert list(media_in({"image1": "a"}, "x.y")) == [("x.y.image1", "a")]
    assert list(media_in(None, "x")) == list(media_in((), "x")) == []
    assert replace_media(value, lambda path, item: f"{path} {item}", "x") == ("x[0] a", "x[1] file:b")
    assert replace_media({"image1": "a"}, lambda path, item: path, "x") == {"image1": "x.image1"}
    assert replace_media(None, lambda path, item: path, "x") is None


def test_lengths_of_one_parameter():
    """Known lengths are returned in the order of the files."""
    facts = {"video_urls[0]": FILM, "video_urls[1]": attrs.evolve(FILM, seconds=None), "audio_urls[0]": FILM}
    assert lengths(facts, "video_urls") == [5]
