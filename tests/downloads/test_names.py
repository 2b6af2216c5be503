"""A hundred thousand hostile keys: none becomes a name that leaves its folder, or means something to a system."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest

from evolink_async.downloads import Exactly, Template
from evolink_async.downloads.names import STEM_BYTES, Name, escaped, file_stem, numbered, suffix_of
from evolink_async.downloads.templates import names_of
from evolink_async.errors import ConfigurationError
from evolink_async.jobs import Completed, Timing
from evolink_async.task import Snapshot

PIECES = [
    "..", ".", "/", "\\", "//", "../", "..\\", "~", "C:", "c:\\", "\\\\?\\", "\x00", "\n", "\r", "\t", " ", "|", "*",
    "?", "<", ">", '"', ":", ";", "$HOME", "`id`", "%2e%2e%2f", "CON", "nul", "Aux.txt", "com1", "LPT9.", "PRN ", "a",
    "B", "shot", "17", "-", "_", "é", "e\u0301", "ﬁ", "\uff0e\uff0e", "\uff0f", "\uff3c", "\u2024", "\u2215",
    "\u202e", "\u200d", "\ufeff", "😀", "漢字", "\u0130", "ß", "x" * 300, "ж" * 200, "\ud800", "\udfff", ".mp4",
    ".exe", ".part", "\u2028", "\x1b[2J",
]  # fmt: skip
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def is_safe(stem: str) -> bool:
    """One component, short in bytes, no control or separator, not hidden, no device, with any suffix behind it."""
    name = stem + ".mp4"
    return (
        0 < len(stem.encode("utf-8")) <= STEM_BYTES
        and unicodedata.is_normalized("NFC", stem)
        and not stem.endswith((".", " "))
        and not stem.startswith((".", " "))
        and not any(sign in '/\\:*?"<>|$`%~' or unicodedata.category(sign)[0] in "CZ" for sign in stem)
        and not DEVICE.fullmatch(stem)
        and not DEVICE.fullmatch(name)
    )


def test_hostile_names_stay_in_their_folder():
    """100,000 keys of a fixed seed, each a single safe component."""
    dice = random.Random(20261121)
    keys = ("".join(dice.choices(PIECES, k=dice.randint(0, 8))) for _ in range(100_000))
    assert [key for key in keys if not is_safe(file_stem(key))] == []


def test_every_single_character_is_safe():
    """Each one of the Basic Multilingual Plane, alone and between others."""
    signs = [chr(code) for code in range(0x10000)]
    assert [hex(ord(sign)) for sign in signs if not is_safe(file_stem(sign))] == []
    assert [hex(ord(sign)) for sign in signs if not is_safe(file_stem(f"a{sign}b"))] == []


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("shot-17", "shot-17"),
        ("Shot 17 (b)", "Shot_17_b"),
        ("../../etc/passwd", "etc_passwd"),
        ("a.b", "a.b"),
        ("漢字", "漢字"),
        ("", "_"),
        ("...", "_"),
        ("///", "_"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("console", "console"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
    ],
)
def test_ordinary_names_stay_readable(key, stem):
    """A person recognises the job in its file."""
    assert file_stem(key) == stem


def test_long_names_are_cut_between_characters():
    """At 120 bytes, so that a suffix and an ordinal fit everywhere."""
    assert file_stem("漢" * 200) == "漢" * 40


def test_a_device_s_name_is_not_made_longer_than_allowed():
    """The sign put before it counts."""
    assert len(file_stem("con." + "x" * 200)) == STEM_BYTES


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("shot-17", "shot-17"),
        ("猫", "_u732b"),
        ("e\u0301", "_xe9"),
        ("😀", "_U0001f600"),
        ("a\udce9", "a_udce9"),
        ("\\", "_"),
        ("漢" * 200, "_u6f22" * 20),
    ],
)
def test_a_name_has_a_spelling_in_ascii(text, spelling):
    """Short enough for every file system; different characters stay different."""
    assert escaped(text) == spelling


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (Name("shot"), [("shot", ".mp4"), ("result", ".mp4")]),
        (Name("猫", None, "task-1"), [("猫", ".mp4"), ("_u732b", ".mp4"), ("task-1", ".mp4")]),
        (Name("shot", ".猫", "task-1"), [("shot", ".猫"), ("shot", "._u732b"), ("task-1", ".mp4")]),
        (Name("猫", "", "task-1"), [("猫", ""), ("_u732b", ""), ("task-1", ".mp4")]),
    ],
)
def test_spellings_of_a_name(name, expected):
    """The name itself first; the last one is of ASCII with a known suffix, so that every folder takes it."""
    assert [*name.spellings(".mp4")] == expected


# --- templates


def completed(
    key: str = "shot-17", *, links: int = 1, task_id: str = "task-1", model: str | None = "wan2.6"
) -> Completed:
    """A job with so many links."""
    return Completed(
        key=key,
        task_id=task_id,
        urls=tuple(f"https://films.example/{number}.mp4" for number in range(links)),
        expires_at=0.0,
        snapshot=Snapshot(task_id=task_id, state="completed", model=model),
        timing=Timing(accepted_at=None, finished_at=0.0, looks=1, lag=0.0),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{key}{ext}", Name("shot-17")),
        ("{key}-{index}{ext}", Name("shot-17-2")),
        ("{model}_{key}_{index:03}{ext}", Name("wan2.6_shot-17_002")),
        ("{task_id}{ext}", Name("task-1")),
        ("film of {key}.{ext}", Name("film_of_shot-17")),
        ("{key}.mp4", Name("shot-17", ".mp4")),
        ("{key}.final cut", Name("shot-17.final_cut", "")),
        ("{key}", Name("shot-17", "")),
        ("{{{key}}}{ext}", Name("shot-17")),
    ],
)
def test_a_template_is_filled_in(text, name):
    """A suffix that stands in it is kept; {ext} is known when the host has answered."""
    assert Template(text).name(completed(), 2) == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{kay}{ext}", "has the unknown field {kay}"),
        ("{}{ext}", "has the unknown field {}"),
        ("{0}{ext}", "has the unknown field {0}"),
        ("{key.__class__}", "has the unknown field {key.__class__}"),
        ("{key[0]}", "has the unknown field {key[0]}"),
        ("{key!r}", "has a format for {key}"),
        ("{key:>99999999}", "has a format for {key}"),
        ("{index:99}{key}", "has a format for {index}"),
        ("{key:{index}}", "has a format for {key}"),
        ("film{ext}", "gives every job the same name"),
        ("{index}-{model}{ext}", "gives every job the same name"),
        ("", "gives every job the same name"),
        ("out/{key}{ext}", "is a path"),
        ("..\\{key}{ext}", "is a path"),
        ("{key}\0{ext}", "is a path"),
        ("{ext}{key}", "has {ext} before its end"),
        ("{key}{ext}{ext}", "has {ext} before its end"),
        ("{key", "cannot be read"),
        ("key}", "cannot be read"),
    ],
)
def test_a_template_that_is_none_is_refused(text, fault):
    """In one sentence, with what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        Template(text)
    assert fault in str(caught.value)
    assert "{key}, {index} (or {index:03}), {task_id} and {model}" in str(caught.value)


def test_a_template_is_text():
    """Anything else is the same error."""
    with pytest.raises(ConfigurationError, match="is not text"):
        Template(5)  # type: ignore[arg-type]


def test_a_long_key_does_not_cut_the_index_off():
    """Two files of one job keep names of their own."""
    names = names_of(completed("x" * 255, links=2), None)
    assert [name.stem for name in names] == ["x" * 118 + "-1", "x" * 118 + "-2"]


def test_hostile_keys_stay_in_their_folder_whatever_the_template():
    """Each field may be of the vendor's or the user's making."""
    dice = random.Random(20261122)
    templates = [
        Template(text) for text in ("{key}-{index}{ext}", "{model}.{task_id}.{key}{ext}", ".{key}..{ext}", "{key}.mp4")
    ]
    for _ in range(5000):
        key, task_id, model = ("".join(dice.choices(PIECES, k=dice.randint(0, 6))) for _ in range(3))
        name = dice.choice(templates).name(completed(key, task_id=task_id, model=model), dice.randint(1, 2000))
        assert is_safe(name.stem), (key, task_id, model, name)


def test_the_names_of_a_job():
    """Its key; with several links a number each; or the name chosen for all of them."""
    assert names_of(completed(), None) == (Name("shot-17"),)
    assert names_of(completed(links=2), None) == (Name("shot-17-1"), Name("shot-17-2"))
    assert names_of(completed(links=2), Exactly.of("My film.mov")) == (Name("My film", ".mov"),) * 2


def test_names_to_try():
    """The best first, then with ordinals."""
    assert [numbered("film", ".mp4", ordinal) for ordinal in (1, 2, 3)] == ["film.mp4", "film-2.mp4", "film-3.mp4"]


@pytest.mark.parametrize(
    ("url", "content_type", "suffix"),
    [
        ("https://films.example/a.mp4?x=1", "", ".mp4"),
        ("https://films.example/a.MOV", "application/octet-stream", ".mov"),
        ("https://films.example/a.mov", "video/mp4", ".mp4"),
        ("https://films.example/a.exe", "application/x-dosexec", ".bin"),
        ("https://films.example/", "", ".bin"),
    ],
)
def test_a_suffix_is_one_we_know(url, content_type, suffix):
    """By the Content-Type first, then by the link."""
    assert suffix_of(url, content_type) == suffix


def test_a_superscript_digit_makes_a_device_name():
    """COM¹ is COM1."""
    assert file_stem("com¹") == "_com¹"
