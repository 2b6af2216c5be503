"""The extras of the package, as `pyproject.toml` lists them, with what each is for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

HEAD = ("Extra", "For", "Installs")

_FOR = {
    "cli": "the command `evolink-async`",
    "demo": "the first try: `cli`, `emulator` and `report`",
    "emulator": "a local EvoLink for tests and demos",
    "fast": "JSON in less processor time",
    "media": "lengths, pixels and pages of local files, checked before you pay",
    "otel": "traces and metrics by OpenTelemetry",
    "postgres": "a journal that many processes share",
    "procrastinate": "jobs from the task queue Procrastinate",
    "ray": "jobs from Ray Data",
    "report": "a page that shows the films of a batch",
}
"""An extra that is not here stops the build of the pages: describe it."""


@cache
def project() -> dict[str, Any]:
    """Return the table `project` of `pyproject.toml`."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def rows() -> Iterator[tuple[str, str, str]]:
    """Return each extra with its purpose and the packages that it names."""
    for extra, requirements in project()["optional-dependencies"].items():
        yield f"`{extra}`", _FOR[extra], ", ".join(_named(requirement) for requirement in requirements)


def pythons() -> str:
    """Return the supported versions of Python, as "3.11, 3.12 and 3.13"."""
    names = [name.rpartition(" ")[2] for name in project()["classifiers"] if re.search(r"Python :: 3\.\d+$", name)]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def dependencies() -> str:
    """Return the names of the packages that the library always needs."""
    names = [_named(requirement) for requirement in project()["dependencies"]]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _named(requirement: str) -> str:
    """Name a package without its versions; an extra of ours by its own names."""
    own = re.match(r"evolink-async\[([\w,]+)\]", requirement)
    if own:
        return " and ".join(f"the extra `{extra}`" for extra in own[1].split(","))
    return re.split(r"[<>=;\[ ]", requirement)[0]
