"""The reference documents every public name. `nox -s docs` builds the pages, and checks their links."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shape.test_public_names import PUBLIC

SUPPORT = Path(__file__).parents[2] / "docs" / "_support"


@pytest.fixture(scope="module")
def names() -> Iterator[Any]:
    """The module of the pages that knows which names they document."""
    sys.path.insert(0, str(SUPPORT))
    try:
        yield importlib.import_module("public_names")
    finally:
        sys.path.remove(str(SUPPORT))


@pytest.fixture(scope="module")
def pages(names) -> list[str]:
    """The text of every page of the reference, with what is generated."""
    texts: list[str] = importlib.import_module("generated").pages()
    return texts


def test_every_public_name_is_documented(names, pages):
    """Each has an entry in the reference, or is named as one that is not for users."""
    assert set(names.MODULES) == PUBLIC
    assert names.missing(pages) == []
    assert names.wrongly_excused(pages) == []


def test_every_method_of_the_pool_is_documented(names, pages):
    """They stand under the task that they are for, one by one."""
    assert names.missing_methods(pages, "evolink_async.SessionPool") == []


def test_a_missing_name_is_found(names, pages):
    """Without the entry of one class, of one alias and of one method."""
    without = [
        page.replace(".. autoclass:: Planned\n", "")
        .replace(".. autodata:: Event\n", "")
        .replace(".. automethod:: SessionPool.find\n", "")
        for page in pages
    ]
    assert set(names.missing(without)) >= {"evolink_async.Planned", "evolink_async.jobs.Planned", "evolink_async.Event"}
    assert names.missing_methods(without, "evolink_async.SessionPool") == ["find"]


def test_what_is_not_promised_is_not_documented(names):
    """SECURITY.md names the modules of which only the documented names are stable."""
    text = (SUPPORT.parents[1] / "SECURITY.md").read_text(encoding="utf-8")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    sentence = next(one for one in paragraphs if "only the names that have an entry" in one)
    rooms = {*names.ENGINE_ROOMS, *names.BETWEEN_ROOMS}
    assert all(f"`{room}`" in sentence for room in rooms)
