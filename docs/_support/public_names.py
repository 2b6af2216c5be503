"""Which public names the reference documents. A name that it leaves out stops the build of the pages, and fails a test.

The public modules are those of `tests/shape/test_public_names.py`, the names those of their `__all__`. A name is
documented if a page has an entry for it, under whichever public module. Some names are handed from room to room and are
not meant for users: `SECURITY.md` promises nothing for them, and they are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

PACKAGE = "evolink_async"
DOCS = Path(__file__).parent.parent

MODULES = (
    *("", "jobs", "task", "pool", "settings", "errors", "events", "models", "params", "media", "journal"),
    *("callbacks", "telemetry", "report", "emulator", "emulator.faults", "budget"),
    *("journal.postgres", "engines.procrastinate", "engines.ray"),
    *("client", "downloads", "polling", "uploads", "wire"),
)
"""All public modules; those that most programs import come first."""

ENGINE_ROOMS = ("budget", "client", "downloads", "polling", "uploads", "wire")
"""Of these, only the names that the reference documents are for users."""

BETWEEN_ROOMS = {
    "jobs": {
        *("CALLBACK_URL", "DurationClass", "KeyAssigner", "KeySet", "body_digest", "check_list", "differing_fields"),
        *("digest", "digest_of", "digest_without_files", "duration_class", "error_of", "has_failed_task"),
        *("has_unread_files", "identity", "key_fault"),
        *("last_snapshot",),
    },
    "media": {
        *("FILE_PREFIX", "MB", "SLACK_SECONDS", "TEXT", "Media", "UnreadableError", "files_in", "format_of"),
        *("in_seconds", "is_media_format", "is_unicode", "lengths", "measure", "media_faults", "media_in"),
        *("missing_libraries", "opened", "printable", "replace_media"),
    },
    "params": {"P", "nearest", "shown", "voice_target"},
    "journal": {"SETTLEMENTS", "check_address", "is_address", "looks_like_address", "missing_extra"},
    "settings": {"LARGEST", "check_count", "check_positive", "check_seconds", "check_whole", "check_word"},
}
"""Names of other modules that are not for users."""

_DIRECTIVE = re.compile(
    r"^\.\. (currentmodule|module|auto(?:class|exception|function|data)|py:(?:class|data|function)):: ([\w.]+)$",
    re.MULTILINE,
)


def module(name: str) -> ModuleType:
    """Import a public module by its name below the package; "" is the package."""
    return import_module(f"{PACKAGE}.{name}".rstrip("."))


def names_of(name: str) -> tuple[str, ...]:
    """Return the public names of a module, without those that are modules themselves."""
    loaded = module(name)
    listed: tuple[str, ...] = loaded.__all__
    return tuple(one for one in listed if not isinstance(getattr(loaded, one), ModuleType))


def entries(text: str) -> Iterator[str]:
    """Yield the full name of each entry of a page, from its directives."""
    current = ""
    for directive, name in _DIRECTIVE.findall(text):
        if directive in ("currentmodule", "module"):
            current = name
        else:
            yield name if name.startswith(f"{PACKAGE}.") else f"{current}.{name}"


def texts_of_data(pages: list[str]) -> dict[str, str]:
    """Return what the pages themselves say of data, by the last name: data have no docstring at run time."""
    pattern = re.compile(r"^\.\. autodata:: ([\w.]+)\n(?:   :.*\n)*\n   (\S.*)$", re.MULTILINE)
    return {name.rpartition(".")[2]: text for page in pages for name, text in pattern.findall(page)}


def is_for_users(name: str, one: str) -> bool:
    """Whether a public name has to be documented."""
    return name not in ENGINE_ROOMS and one not in BETWEEN_ROOMS.get(name, ())


def documented(texts: list[str]) -> dict[int, str]:
    """Return what the pages have entries for: the identity of each object, and the name that the entry gives it."""
    found: dict[int, str] = {}
    for full in (full for text in texts for full in entries(text)):
        place, _, last = full.rpartition(".")
        found[id(getattr(import_module(place), last))] = full
    return found


def missing(texts: list[str]) -> list[str]:
    """Return the public names that no page has an entry for."""
    known = documented(texts)
    return [
        f"{PACKAGE}.{name}.{one}".replace("..", ".")
        for name in MODULES
        for one in names_of(name)
        if one != "__version__" and is_for_users(name, one) and id(getattr(module(name), one)) not in known
    ]


def missing_methods(texts: list[str], full: str) -> list[str]:
    """Return the public methods of a class whose methods the pages describe one by one, and leave out."""
    place, _, last = full.rpartition(".")
    told = {name for text in texts for name in re.findall(rf"^\.\. automethod:: {last}\.(\w+)$", text, re.MULTILINE)}
    return [name for name in dir(getattr(import_module(place), last)) if not name.startswith("_") and name not in told]


def wrongly_excused(texts: list[str]) -> list[str]:
    """Return the names that are listed above although they are documented, or gone."""
    known = documented(texts)
    return [
        f"{PACKAGE}.{name}.{one}"
        for name, names in BETWEEN_ROOMS.items()
        for one in sorted(names)
        if one not in names_of(name) or id(getattr(module(name), one)) in known
    ]
