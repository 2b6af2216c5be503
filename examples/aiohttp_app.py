"""A web back end on aiohttp; put its POST routes behind logins. It reads PORT, CALLBACK_URL, CALLBACK_SECRET."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import typedefs, web

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver


def application() -> web.Application:
    """Make the application: each order is bought once, and the journal says how it stands, also after a restart."""
    receiver = CallbackReceiver(os.environ["CALLBACK_URL"], os.environ["CALLBACK_SECRET"])
    pool = ev.SessionPool(journal="films.db", callbacks=receiver, retry=ev.RetryPolicy(patience=20, grace=3))

    async def tell() -> None:
        async with pool.outcomes() as outcomes:  # of all orders, also those that an earlier process has left
            async for outcome in outcomes:
                print(outcome.key, "has ended:", type(outcome).__name__)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        async with pool, asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(tell())
            yield
            telling.cancel()

    @web.middleware
    async def refuse(request: web.Request, handler: typedefs.Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ev.EvolinkError, json.JSONDecodeError) as error:
            status = 422 if isinstance(error, ValueError | ev.JournalConflictError) else 502
            return web.json_response({"error": str(error)}, status=status)

    async def create(request: web.Request) -> web.Response:
        await pool.submit(ev.load_params(await request.json()), key=request.match_info["order"])
        return web.json_response({"state": "accepted"}, status=202)  # a second call for an order buys nothing

    async def show(request: web.Request) -> web.Response:
        if (job := await pool.find(request.match_info["order"])) is None:
            raise web.HTTPNotFound
        url = (await pool.wait(key=job.key)).url if isinstance(job, ev.Completed) else None  # a new one, if it expired
        return web.json_response({"state": type(job).__name__.lower(), "url": url})

    async def follow(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        with suppress(ev.EvolinkError):  # the stream ends; `show` tells how the order stands
            async for seen in pool.watch(key=request.match_info["order"]):
                event = {"state": seen.state, "progress": seen.progress_percent}
                await stream.write(f"data: {json.dumps(event)}\n\n".encode())
        return stream

    async def settle(request: web.Request) -> web.Response:
        await pool.settle(request.match_info["order"], request.query["how"])
        return web.Response(status=204)

    app = web.Application(middlewares=[refuse])
    app.cleanup_ctx.append(lifespan)
    app.add_routes([web.post("/films/{order}", create), web.get("/films/{order}", show)])
    app.add_routes([web.get("/films/{order}/events", follow), web.post("/doubts/{order}", settle), *receiver.routes()])
    return app


if __name__ == "__main__":
    web.run_app(application(), port=int(os.environ["PORT"]), shutdown_timeout=1)
