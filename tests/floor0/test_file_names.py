"""A hundred thousand hostile keys: none becomes a name that leaves its folder, or means something to a system."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest

from evolink_async.files.download import file_stem

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
        0 < len(name.encode("utf-8")) <= 128
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
    ],
)
def test_ordinary_names_stay_readable(key, stem):
    """A person recognises the job in its file."""
    assert file_stem(key) == stem


def test_long_names_are_cut_between_characters():
    """At 120 bytes, so that a suffix and an ordinal fit everywhere."""
    assert file_stem("漢" * 200) == "漢" * 40
