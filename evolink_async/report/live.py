"""Serves the page of a journal on this computer, and sends it what changes.

Which request is answered is decided in `door`; what has changed is read by `reading`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import attrs
from aiohttp import web

from ..errors import ConfigurationError, EvolinkError
from ..journal.places import journal_at
from .cards import Card
from .door import HEADERS, Door, question_of
from .page import policy as policy_of
from .page import render, script_text, style_text
from .reading import PageReader, Report
from .watching import Watching

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0
"""Seconds that open requests have when the server closes."""
HEARTBEAT_SECONDS = 15.0
"""Seconds after which a stream without changes gets a line, so that a page that has gone is noticed."""


def _no_facts() -> Mapping[str, object]:
    return {}


class DashboardServer:
    """The live page of a journal, an async context manager. It listens on 127.0.0.1 alone.

    Whoever knows its address can look; so it holds a random token. The page can change one thing: it can settle a job
    in doubt, after it has asked.

    Args:
        journal: The journal file; a run may be using it, also in this process. It may come later. Or the address of a
            server, as postgresql://user@host/database, of which the page shows what `write_report` does.
        port: The port; 0 takes a free one.
        settle: Settles a job of a key, by the id of its task, "resubmit" or "abandon", and returns a sentence on what
            the next run does; what it raises as EvolinkError is shown. None if nothing can be settled here.
        facts: Returns what no journal holds of a run in this process: `left` credits of a budget, `rate` in films a
            minute, `eta` in seconds.

    Raises:
        ConfigurationError: The address cannot be read, or the extra `postgres` is not installed. When entered: the port
            is taken, or the extra `report` is not installed.
    """

    def __init__(
        self,
        journal: str | Path,
        port: int = 0,
        *,
        settle: Callable[[str, str], Awaitable[str]] | None = None,
        facts: Callable[[], Mapping[str, object]] = _no_facts,
    ) -> None:
        self._port, self._settle = port, settle
        self._reader = PageReader(journal_at(journal), _address_of)
        self._watching = Watching(self._reader, facts)
        self._door = Door(secrets.token_urlsafe(24))
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """The address of the page; empty before the server is entered."""
        return f"http://{self._door.host}/{self._door.token}/" if self._door.host else ""

    async def __aenter__(self) -> Self:
        # Here, so that a missing extra is told before anything else happens.
        render(self._report(()))
        app = web.Application(client_max_size=16 * 1024, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/{token}/", self._show),
                web.get("/{token}/events", self._stream),
                web.get("/{token}/films/{place}/{number}", self._film),
                web.post("/{token}/settle", self._on_settle),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = error.strerror or str(error)
            raise ConfigurationError(f"the dashboard cannot listen on port {self._port}: {reason}") from None
        self._door = attrs.evolve(self._door, host=f"{HOST}:{self._runner.addresses[0][1]}")
        self._watching.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self, message: str = "The run has ended.") -> None:
        """Send what is new for the last time, say so on the pages, and stop.

        Args:
            message: What the pages show from then on.
        """
        runner, self._runner = self._runner, None
        if runner is not None:
            await self._watching.aclose(message)
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]) -> Any:  # noqa: ANN401  # aiohttp's type
        refusal = self._door.refusal(question_of(request))
        if refusal is not None:
            return web.json_response({"message": refusal}, status=403, headers=HEADERS)
        return await handler(request)

    def _report(self, cards: Iterable[Card]) -> Report:
        return self._reader.report(cards, settles=self._settle is not None, revision=self._watching.revision)

    async def _show(self, _request: web.Request) -> web.Response:
        await self._watching.look()
        report = self._report(self._watching.cards())
        page = await asyncio.to_thread(render, report)
        policy = policy_of([style_text()], [script_text()], is_live=True) + "; frame-ancestors 'none'"
        headers = {**HEADERS, "Content-Security-Policy": policy}
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        known = request.headers.get("Last-Event-ID") or request.query.get("since", "0")
        revision = int(known[:15]) if known.isascii() and known.isdigit() else 0
        with self._watching.listening() as queue, suppress(ConnectionError):
            # Listening comes first: what changes meanwhile is told twice rather than never.
            await response.write(await asyncio.to_thread(self._watching.since, revision))
            while True:
                try:
                    piece = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    piece = b": still here\n\n"
                if piece is None:
                    break
                await response.write(piece)
        return response

    async def _film(self, request: web.Request) -> web.StreamResponse:
        path = self._watching.film(request.match_info["place"], request.match_info["number"])
        # Only files that the journal names: no path comes from the request.
        if path is None or not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(headers=HEADERS)
        return web.FileResponse(path, headers=HEADERS)

    async def _on_settle(self, request: web.Request) -> web.Response:
        def answer(status: int, message: str) -> web.Response:
            return web.json_response({"message": message}, status=status, headers=HEADERS)

        if self._settle is None:
            return answer(409, "A run uses the journal: settle the job when it has ended.")
        try:
            asked = await request.json()
            key, how = asked["key"], asked["how"]
            is_right = isinstance(key, str) and isinstance(how, str) and asked["confirmed"] is True
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            is_right, key, how = False, "", ""
        if not is_right:
            return answer(400, "This is not what the page asks.")
        try:
            message = await self._settle(key, how)
        except EvolinkError as error:
            return answer(409, f"{error} {error.advice}")
        self._watching.look_soon()
        return answer(200, message)


def _address_of(place: int, number: int, path: Path) -> str | None:
    try:
        return f"films/{place}/{number}" if path.is_file() else None
    except (OSError, ValueError):
        return None
