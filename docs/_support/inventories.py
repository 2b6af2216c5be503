"""Small inventories for intersphinx: the names of Python, aiohttp and OpenTelemetry that the pages use.

Builds have no network, so the inventories of these projects cannot be fetched. `python docs/_support/inventories.py`
writes the ones in `docs/_inventories/` from the tables below. A name is added here when a build says that it is not
found; its address must be one that the project publishes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "_inventories"

# Project, version that is shown in tooltips, and pages with the names that they describe, each by its role.
_Pages = Mapping[str, Mapping[str, str]]

PYTHON: _Pages = {
    "library/asyncio-eventloop.html": {"class": "asyncio.AbstractEventLoop"},
    "library/asyncio-exceptions.html": {"exception": "asyncio.CancelledError"},
    "library/asyncio-queue.html": {"class": "asyncio.Queue"},
    "library/asyncio-runner.html": {"function": "asyncio.run"},
    "library/asyncio-task.html": {
        "class": "asyncio.Task asyncio.TaskGroup",
        "function": "asyncio.gather asyncio.timeout asyncio.to_thread asyncio.create_task",
    },
    "library/collections.html": {"class": "collections.Counter"},
    "library/collections.abc.html": {
        "class": "collections.abc.AsyncGenerator "
        "collections.abc.AsyncIterable collections.abc.AsyncIterator collections.abc.Awaitable "
        "collections.abc.Callable collections.abc.Collection collections.abc.Container collections.abc.Coroutine "
        "collections.abc.Generator collections.abc.Hashable collections.abc.Iterable collections.abc.Iterator "
        "collections.abc.Mapping collections.abc.Sequence"
    },
    "library/constants.html": {"data": "False None True"},
    "library/contextlib.html": {"class": "contextlib.AbstractAsyncContextManager contextlib.AsyncExitStack"},
    "library/exceptions.html": {
        "exception": "Exception ExceptionGroup KeyError OSError TimeoutError TypeError UserWarning ValueError"
    },
    "library/functions.html": {"class": "bool float int object type"},
    "library/logging.html": {"class": "logging.Logger"},
    "library/pathlib.html": {"class": "pathlib.Path"},
    "library/pickle.html": {"module": "pickle"},
    "library/ssl.html": {"class": "ssl.SSLContext"},
    "library/stdtypes.html": {"class": "bytes dict frozenset list set str tuple"},
    "library/types.html": {"class": "types.TracebackType types.MappingProxyType"},
    "library/typing.html": {
        "class": "typing.Protocol typing.TypedDict typing.TypeVar",
        "data": "typing.Any typing.Literal typing.Self typing.TypeAlias typing.Unpack",
    },
}
AIOHTTP: _Pages = {
    "client_reference.html": {"class": "aiohttp.ClientSession aiohttp.TCPConnector"},
    "web_reference.html": {"class": "aiohttp.web.Application aiohttp.web.RouteDef"},
}
OPENTELEMETRY: _Pages = {
    "api/trace.html": {"class": "opentelemetry.trace.TracerProvider"},
    "api/metrics.html": {"class": "opentelemetry.metrics.MeterProvider"},
}

# Where signatures find a class, and where the project's pages describe it.
ALIASES = {
    "aiohttp.client.ClientSession": "aiohttp.ClientSession",
    "aiohttp.web_routedef.RouteDef": "aiohttp.web.RouteDef",
}

PROJECTS = {
    "python": ("https://docs.python.org/3/", PYTHON),
    "aiohttp": ("https://docs.aiohttp.org/en/stable/", AIOHTTP),
    "opentelemetry": ("https://opentelemetry-python.readthedocs.io/en/stable/", OPENTELEMETRY),
}


def mapping() -> dict[str, tuple[str, str]]:
    """Return the setting `intersphinx_mapping`: where each project's pages are, and where its inventory is."""
    return {name: (address, f"_inventories/{name}.inv") for name, (address, _) in PROJECTS.items()}


def lines(pages: _Pages) -> Iterable[str]:
    """Return an inventory's lines: the name, its role, its priority, its address, and the text that is shown."""
    published = {alias_of: alias for alias, alias_of in ALIASES.items()}
    for page, roles in pages.items():
        for role, names in roles.items():
            for name in names.split():
                address = f"{page}#{'module-' if role == 'module' else ''}{name}"
                for shown in filter(None, (name, published.get(name))):
                    yield f"{shown} py:{role} 1 {address} -"


def inventory(project: str, pages: _Pages) -> bytes:
    """Return an inventory in the second format of Sphinx."""
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("".join(f"{line}\n" for line in sorted(lines(pages))).encode(), 9)


def main() -> None:
    """Write every inventory."""
    FOLDER.mkdir(exist_ok=True)
    for project, (_, pages) in PROJECTS.items():
        (FOLDER / f"{project}.inv").write_bytes(inventory(project, pages))


if __name__ == "__main__":
    main()
