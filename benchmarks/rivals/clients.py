"""How each rival's client is pointed at the stub, which call of it polls once, and which waits to the end.

Only address and key are set. fal-client asks https of every host, so its URL constant is replaced; no logic is touched.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

import attrs

from .shapes import TASK_ID

KEY = "key-for-a-stub"
FAL_APPLICATION = "fal-ai/wan"
REPLICATE_VERSION = "0123456789abcdef" * 4


@attrs.frozen
class Client:
    """An open client.

    Attributes:
        poll: Asks for the one task once.
        wait: Takes what a poll returned, and asks until the task is done.
        film: Submits a job, waits until its video is there, and returns the id of its task.
    """

    poll: Callable[[], Awaitable[Any]]
    wait: Callable[[Any], Awaitable[object]]
    film: Callable[[str], Awaitable[str]]


@asynccontextmanager
async def openai(stub_url: str) -> AsyncIterator[Client]:
    """AsyncOpenAI, by its argument `base_url`."""
    module = importlib.import_module("openai")
    async with module.AsyncOpenAI(api_key=KEY, base_url=f"{stub_url}/openai/v1") as client:

        async def film(prompt: str) -> str:
            video = await client.videos.create_and_poll(prompt=prompt, model="sora-2", seconds="8", size="1280x720")
            return str(video.id)

        yield Client(lambda: client.videos.retrieve(TASK_ID), lambda _: client.videos.poll(TASK_ID), film)


@asynccontextmanager
async def replicate(stub_url: str) -> AsyncIterator[Client]:
    """Its Client, by its argument `base_url`. It has no method that closes it."""
    client = importlib.import_module("replicate").Client(api_token=KEY, base_url=f"{stub_url}/replicate")

    async def film(prompt: str) -> str:
        prediction = await client.predictions.async_create(version=REPLICATE_VERSION, input={"prompt": prompt})
        await prediction.async_wait()
        return str(prediction.id)

    yield Client(lambda: client.predictions.async_get(TASK_ID), lambda prediction: prediction.async_wait(), film)


@asynccontextmanager
async def runwayml(stub_url: str) -> AsyncIterator[Client]:
    """AsyncRunwayML, by its argument `base_url`."""
    module = importlib.import_module("runwayml")
    async with module.AsyncRunwayML(api_key=KEY, base_url=f"{stub_url}/runwayml") as client:

        async def film(prompt: str) -> str:
            task = await client.text_to_video.create(model="veo3.1", prompt_text=prompt, ratio="1280:720", duration=8)
            return str((await task.wait_for_task_output()).id)

        yield Client(lambda: client.tasks.retrieve(TASK_ID), lambda task: task.wait_for_task_output(), film)


@asynccontextmanager
async def fal(stub_url: str) -> AsyncIterator[Client]:
    """AsyncClient, by its module's constant QUEUE_URL_FORMAT, put back at the end. It has no method that closes it.

    FAL_QUEUE_RUN_HOST would set the host, but the scheme is always https.
    """
    module: Any = importlib.import_module("fal_client.client")
    client, address = module.AsyncClient(key=KEY), module.QUEUE_URL_FORMAT
    module.QUEUE_URL_FORMAT = f"{stub_url}/fal/"

    async def film(prompt: str) -> str:
        # What `subscribe` does, but that it asks at the address in the reply, which a stub does not know.
        handle = await client.submit(FAL_APPLICATION, {"prompt": prompt})
        await client.result(FAL_APPLICATION, handle.request_id)
        return str(handle.request_id)

    try:
        yield Client(
            lambda: client.status(FAL_APPLICATION, TASK_ID),
            lambda _: client.result(FAL_APPLICATION, TASK_ID),
            film,
        )
    finally:
        module.QUEUE_URL_FORMAT = address


Open = Callable[[str], AbstractAsyncContextManager[Client]]

RIVALS: dict[str, Open] = {"openai": openai, "replicate": replicate, "runwayml": runwayml, "fal-client": fal}
"""How to open each, by its name on the package index."""


@attrs.frozen
class Entered:
    """An open client: its name with its version, and what its first poll returned."""

    name: str
    client: Client
    seen: object


async def enter(stack: AsyncExitStack, package: str, stub_url: str) -> Entered | None:
    """Open a client and poll once. None, and a line printed, if it is not installed or has no such call."""
    try:
        client = await stack.enter_async_context(RIVALS[package](stub_url))
        return Entered(f"{package} {version(package)}", client, await client.poll())
    except ImportError:
        print(f"{package}: not installed, left out")
    except AttributeError as error:
        print(f"{package} {version(package)}: has no such call, left out: {error}")
    return None
