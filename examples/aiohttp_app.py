"""A web back end on aiohttp, for use behind a login. Its settings are read from the environment."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import typedefs, web

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.errors import JournalError
from evolink_async.jobs import Standing


def application() -> web.Application:
    """Make the application: each order is bought once, and the journal says where it stands."""
    receiver = CallbackReceiver(os.environ["CALLBACK_URL"], os.environ["CALLBACK_SECRET"])
    journal = os.environ.get("JOURNAL", "films.db")  # for several processes, one in PostgreSQL
    pool = ev.SessionPool(journal=journal, callbacks=receiver, retry=ev.RetryPolicy(patience=20, grace=3))

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
        except (ev.EvolinkError, ValueError, RecursionError) as error:  # the last two: the body is no JSON
            status = 422 if isinstance(error, ValueError | RecursionError | ev.JournalConflictError) else 502
            return web.json_response({"error": str(error)}, status=status)

    async def create(request: web.Request) -> web.Response:
        await pool.submit(ev.load_params(await request.json()), key=request.match_info["order"])
        return web.json_response({"state": "accepted"}, status=202)  # a second call for an order buys nothing

    async def known(request: web.Request) -> Standing:
        if (job := await pool.find(request.match_info["order"])) is None:
            raise web.HTTPNotFound
        return job

    async def show(request: web.Request) -> web.Response:
        job = await known(request)
        url = (await pool.wait(key=job.key)).url if isinstance(job, ev.Completed) else None  # never expired
        return web.json_response({"state": type(job).__name__.lower(), "url": url})

    async def follow(request: web.Request) -> web.StreamResponse:
        await known(request)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        with suppress(ev.EvolinkError):  # the stream ends; `show` tells how the order stands
            async for seen in pool.watch(key=request.match_info["order"]):
                event = {"state": seen.state, "progress": seen.progress_percent}
                await stream.write(f"data: {json.dumps(event)}\n\n".encode())
        return stream

    async def settle(request: web.Request) -> web.Response:
        try:
            await pool.settle((await known(request)).key, request.query.get("how", ""))
        except JournalError as error:  # it is not in doubt
            raise web.HTTPConflict(text=str(error)) from None
        return web.Response(status=204)

    app = web.Application(middlewares=[refuse])
    app.cleanup_ctx.append(lifespan)
    order = r"{order:[\w.-]{1,100}}"
    app.add_routes([web.post(f"/films/{order}", create), web.get(f"/films/{order}", show)])
    app.add_routes(receiver.routes())
    app.add_routes([web.get(f"/films/{order}/events", follow), web.post(f"/doubts/{order}", settle)])
    return app


if __name__ == "__main__":
    web.run_app(application(), port=int(os.environ["PORT"]), shutdown_timeout=1)
