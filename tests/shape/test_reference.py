"""The reference documents every public name. `nox -s docs` builds the pages, and checks their links."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evolink_async.models  # noqa: F401  # registers the models
from evolink_async.params import registered_models
from evolink_async.purchases import RecordState
from tests.shape.test_public_names import PUBLIC

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "docs" / "_support"
CODE = re.compile(r"^```(\{testcode\}|python|sh|json|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH = 110
"""Characters of code that fit beside the navigation of a page on a screen of 1280 pixels."""


@pytest.fixture(scope="module")
def names() -> Iterator[Any]:
    """The module of the pages that knows which names they document."""
    sys.path.insert(0, str(SUPPORT))
    try:
        yield importlib.import_module("public_names")
    finally:
        sys.path.remove(str(SUPPORT))


@pytest.fixture(scope="module")
def pictures(names) -> Any:
    """The module that draws the pictures of the page on doubts."""
    return importlib.import_module("pictures")


@pytest.fixture(scope="module")
def pages(names) -> list[str]:
    """The text of every page of the reference, with what is generated."""
    texts: list[str] = importlib.import_module("generated").pages()
    return texts


def test_the_page_on_installing_is_plain_text(names):
    """The README links to it, so it has no marks that only Sphinx fills in; what it says is what is declared."""
    extras = importlib.import_module("extras")
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    table = [f"| {' | '.join(row)} |" for row in extras.rows()]
    assert "{{" not in text
    assert "generated:" not in text
    assert [line for line in text.splitlines() if line.startswith("| `")] == table
    assert f"CPython {extras.pythons()}," in text
    assert f"the library needs {extras.dependencies()}." in " ".join(text.split())


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_samples_import_what_they_use(page):
    """A sample that a reader can see is not the second one of a page to need a name that none of them imports."""
    shown = [code for _, code in CODE.findall(page.read_text(encoding="utf-8")) if not code.startswith(":hide:")]
    code = "\n".join(shown)
    for name, words in (("ev", "import evolink_async as ev"), ("asyncio", "import asyncio")):
        used = re.search(rf"\b{name}\.\w", code)
        assert used is None or words in code[: used.start()], name


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
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    sentence = next(one for one in paragraphs if "only the names that have an entry" in one)
    rooms = {*names.ENGINE_ROOMS, *names.BETWEEN_ROOMS}
    assert all(f"`{room}`" in sentence for room in rooms)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("[!_]*.md")), ids=lambda page: page.stem)
def test_code_fits_into_the_width_of_a_page(page):
    """A line has 110 characters at most; so have the examples, and those in docstrings of the models."""
    lines = [line for _, code in CODE.findall(page.read_text(encoding="utf-8")) for line in code.splitlines()]
    assert [line for line in lines if len(line) > WIDTH] == []


def test_examples_fit_into_the_width_of_a_page():
    """Pages include the web back ends and the notebook whole."""
    texts = [(ROOT / "examples" / name).read_text(encoding="utf-8") for name in ("aiohttp_app.py", "fastapi_app.py")]
    book = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    texts += ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    code = [line for text in texts for line in text.splitlines()]
    docstrings = [inspect.getdoc(cls) or "" for cls in registered_models().values()]
    code += [line for text in docstrings for line in text.splitlines() if line.startswith((">>>", "..."))]
    assert [line for line in code if len(line) > WIDTH] == []


def test_every_state_and_every_move_is_drawn(pictures):
    """Each state has a box, and each arrow is one of the table of transitions."""
    assert {state for states in pictures.BOXES for state in states} == set(RecordState)
    assert set(pictures.ARROWS) == set(pictures.moves())
    drawn = " ".join(re.sub(r"<[^>]*>", " ", pictures.states()).split())
    moving = {event for events in pictures.moves().values() for event in events}
    assert [event for event in moving if event not in drawn] == []


def test_answers_are_drawn_with_their_verdicts(pictures):
    """What leaves a doubt, what is safe, and what depends on who answered."""
    told = {what: (own, foreign) for what, own, foreign in pictures.rows()}
    assert told["200 with a task id"] == ("accepted", "accepted")
    assert told['503 that says "not accepted"'] == ("sent again", "in doubt")
    assert {status for what in told for status in re.findall(r"\d{3}", what)} >= {"402", "429", "502", "504"}
    assert set(pictures.COLOURS) == {verdict for pair in told.values() for verdict in pair}
