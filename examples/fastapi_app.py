"""A web back end on FastAPI, for use behind a login. Its settings are read from the environment."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.responses import EventSourceResponse, JSONResponse

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.errors import JournalError

Order = Annotated[str, Path(pattern=r"^[\w.-]{1,100}$")]


def application() -> FastAPI:
    """Make the application: each order is bought once, and the journal says where it stands."""
    receiver = CallbackReceiver(os.environ["CALLBACK_URL"], os.environ["CALLBACK_SECRET"])
    journal = os.environ.get("JOURNAL", "films.db")  # for several workers, one in PostgreSQL
    pool = ev.SessionPool(journal=journal, callbacks=receiver, retry=ev.RetryPolicy(patience=20, grace=3))

    async def tell() -> None:
        async with pool.outcomes() as outcomes:  # of all orders, also those that an earlier process has left
            async for outcome in outcomes:
                print(outcome.key, "has ended:", type(outcome).__name__)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with pool, asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(tell())
            yield
            telling.cancel()

    async def refuse(_: object, error: Exception) -> JSONResponse:
        status = 422 if isinstance(error, ev.ParamsError | ev.JournalConflictError) else 502
        return JSONResponse({"error": str(error)}, status)

    app = FastAPI(lifespan=lifespan, exception_handlers={ev.EvolinkError: refuse})
    app.mount("/callbacks", receiver.asgi)

    async def known(order: Order) -> None:
        if await pool.find(order) is None:
            raise HTTPException(404)

    @app.post("/doubts/{order}", dependencies=[Depends(known)])
    async def settle(order: Order, how: str) -> None:
        try:
            await pool.settle(order, how)
        except JournalError as error:  # it is not in doubt
            raise HTTPException(409, str(error)) from None

    @app.post("/films/{order}", status_code=202)
    async def create(order: Order, body: dict[str, object]) -> dict[str, str | None]:
        await pool.submit(ev.load_params(body), key=order)  # a second call for an order buys nothing
        return await show(order)

    @app.get("/films/{order}")
    async def show(order: Order) -> dict[str, str | None]:
        if (job := await pool.find(order)) is None:
            raise HTTPException(404)
        url = (await pool.wait(key=order)).url if isinstance(job, ev.Completed) else None  # never expired
        return {"state": type(job).__name__.lower(), "url": url}

    @app.get("/films/{order}/events", response_class=EventSourceResponse, dependencies=[Depends(known)])
    async def follow(order: Order) -> AsyncIterator[dict[str, object]]:
        with suppress(ev.EvolinkError):  # the stream ends; `show` tells how the order stands
            async for seen in pool.watch(key=order):
                yield {"state": seen.state, "progress": seen.progress_percent}

    return app


class _Server(uvicorn.Server):
    async def main_loop(self) -> None:
        await super().main_loop()
        await self.lifespan.shutdown()  # closes the pool, and so ends the streams that uvicorn waits for


if __name__ == "__main__":
    _Server(uvicorn.Config(application(), port=int(os.environ["PORT"]))).run()
