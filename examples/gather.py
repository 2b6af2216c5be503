"""Make three videos side by side, as with any coroutine. For many jobs, use `pool.run` instead."""

from __future__ import annotations

import asyncio

import evolink_async as ev
from evolink_async.models import Wan26TextToVideo

PROMPTS = ["A cat playing piano", "A lighthouse in a storm", "A paper boat on a river"]


async def main() -> None:
    """Print the link of each video, or the reason why there is none."""
    async with ev.SessionPool() as pool:
        shots = [pool.generate(Wan26TextToVideo(prompt=prompt, duration=2), timeout=900) for prompt in PROMPTS]
        # With return_exceptions, the failure of one job leaves the others alone.
        results = await asyncio.gather(*shots, return_exceptions=True)
    for prompt, result in zip(PROMPTS, results, strict=True):
        match result:
            case ev.Completed():
                print(f"{prompt}: {result.url}")
            case ev.EvolinkError():
                print(f"{prompt}: {result} {result.advice}")
            case BaseException():
                raise result


if __name__ == "__main__":
    asyncio.run(main())
