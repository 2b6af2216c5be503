"""A web back end on aiohttp: it submits a job, answers at once, and tells later how the job stands.

Usage: python web_backend.py PORT

    curl -X POST localhost:8080/films/order-17 -d '{"model": "wan2.6-text-to-video", "prompt": "A cat"}'
    curl localhost:8080/films/order-17
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import web

import evolink_async as ev

POOL = web.AppKey("pool", ev.SessionPool)
FILMS: web.AppKey[dict[str, asyncio.Task[ev.Completed]]] = web.AppKey("films")


async def evolink(app: web.Application) -> AsyncIterator[None]:
    """Keep one pool open for as long as the application runs."""
    async with ev.SessionPool(journal="films.db") as app[POOL]:
        app[FILMS] = {}
        yield
        # This ends the waiting only. The tasks go on at the service, and the journal knows them.
        for film in app[FILMS].values():
            film.cancel()
        await asyncio.gather(*app[FILMS].values(), return_exceptions=True)


async def create(request: web.Request) -> web.Response:
    """POST /films/{order}: buy a film. The order is the job's key, so a second call buys nothing."""
    pool, films, order = request.app[POOL], request.app[FILMS], request.match_info["order"]
    try:
        params = ev.load_params(await request.json())
        accepted = await pool.submit(params, key=order)
    except ValueError as error:  # ParamsError is one, and so is a body that is not JSON
        return web.json_response({"error": str(error)}, status=422)
    except ev.SubmissionUnknownError:
        # It may have been paid for. A person has to look before it is bought again.
        return web.json_response({"state": "unknown"}, status=202)
    except ev.EvolinkError as error:
        return web.json_response({"error": str(error)}, status=502)
    if order not in films:
        films[order] = asyncio.create_task(pool.wait(accepted.task_id))
    return web.json_response({"state": "accepted", "task_id": accepted.task_id}, status=202)


async def show(request: web.Request) -> web.Response:
    """GET /films/{order}: how does it stand?"""
    film = request.app[FILMS].get(request.match_info["order"])
    if film is None:
        raise web.HTTPNotFound
    if not film.done():
        return web.json_response({"state": "working"})
    error = film.exception()
    if error is not None:
        return web.json_response({"state": "failed", "error": str(error)})
    return web.json_response({"state": "completed", "url": film.result().url})


def application() -> web.Application:
    """Make the application."""
    app = web.Application()
    app.cleanup_ctx.append(evolink)
    app.add_routes([web.post("/films/{order}", create), web.get("/films/{order}", show)])
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]))
