"""Which films are cut off, by their boxes: no whole one is, and none is that is no film."""

from __future__ import annotations

import random

import pytest

from evolink_async.downloads.mp4_boxes import is_truncated
from tests.footage import clip, image


def is_cut(film: bytes) -> bool:
    """Whether it looks cut off."""
    return is_truncated(lambda at, count: film[at : at + count], len(film))


def box(name: bytes, body: bytes = b"", *, size: int | None = None, is_long: bool = False) -> bytes:
    """One box; `size` in place of its own."""
    if is_long:
        return (1).to_bytes(4) + name + (16 + len(body) if size is None else size).to_bytes(8) + body
    return (8 + len(body) if size is None else size).to_bytes(4) + name + body


START, INDEX, DATA = box(b"ftyp", b"isom" * 4), box(b"moov", bytes(50)), box(b"mdat", bytes(400))
WHOLE = {
    "index first": START + INDEX + DATA,
    "index last": START + DATA + INDEX,
    "old QuickTime": box(b"wide") + DATA + INDEX,
    "a long box": START + INDEX + box(b"mdat", bytes(400), is_long=True),
    "to the end": START + INDEX + box(b"mdat", bytes(400), size=0),
    "fragments": START + INDEX + (box(b"moof", bytes(9)) + DATA) * 9,
    "an image": START + box(b"meta", bytes(40)) + DATA,
    "letters behind": START + INDEX + DATA + b"x" * 64,
    "a tag behind": START + INDEX + DATA + b"TAG" + bytes(125),
    "zeros behind": START + INDEX + DATA + bytes(64),
    "little behind": START + INDEX + DATA + bytes(3),
}
CUT = {
    "in the data": (START + INDEX + DATA)[:-1],
    "in the index": (START + DATA + INDEX)[:-1],
    "in front of the index": START + DATA,
    "in the name of the index": START + DATA + INDEX[:6],
    "in a long box": START + INDEX + box(b"mdat", bytes(400), size=9999, is_long=True),
    "in a long size": START + INDEX + box(b"mdat", is_long=True)[:12],
    "to the end, without an index": START + box(b"mdat", bytes(400), size=0),
    "behind the start": START,
}
NO_FILM = {
    "nothing": b"",
    "little": b"ftyp",
    "a text": b"<html>Log in</html>",
    "zeros": bytes(900),
    "an image": image("png"),
    "half an image": image("png")[:50],
    "a box that is none": box(b"ftyp", b"isom", size=4),
    "a long box that is none": START + box(b"mdat", size=9, is_long=True),
    "other boxes": box(b"abcd", bytes(9)),
    "bytes behind a start": START + random.Random(3).randbytes(900),
}


@pytest.mark.parametrize("film", [*WHOLE.values(), *NO_FILM.values()], ids=[*WHOLE, *NO_FILM])
def test_what_is_whole_or_no_film_is_not_cut(film):
    """A film that cannot be judged counts as whole."""
    assert not is_cut(film)


@pytest.mark.parametrize("film", CUT.values(), ids=CUT)
def test_what_ends_in_a_box_is_cut(film):
    """And what has no index."""
    assert is_cut(film)


@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_a_real_film_is_cut_wherever_its_end_is_missing(form):
    """But for its first bytes, which are too few to tell."""
    film = clip(2, form=form)
    assert not is_cut(film)
    assert [size for size in range(8, len(film)) if not is_cut(film[:size])] == []


def test_a_file_of_nothing_but_headers_ends():
    """After so many boxes nobody looks on."""
    assert not is_truncated(lambda at, count: box(b"free") * 2, 1 << 40)
