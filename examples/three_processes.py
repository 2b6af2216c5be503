"""Three processes over one journal in PostgreSQL (JOURNAL): each is given all jobs, and each job is bought once."""

import asyncio
import multiprocessing
import os

import evolink_async as ev
from evolink_async.models import Wan26TextToVideo

SHOTS = [ev.Job(f"cat-{take}", Wan26TextToVideo(prompt=f"A cat, take {take}", duration=2)) for take in range(1, 7)]


def work(name: str) -> None:
    """Run all jobs, as any task of any engine does."""
    asyncio.run(run(name))


async def run(name: str) -> None:
    """Buy what nobody else has, follow the rest, and tell every end."""
    async with ev.SessionPool(journal=os.environ["JOURNAL"]) as pool:
        async for outcome in pool.run(SHOTS):
            task_id = getattr(outcome, "task_id", None)
            # A whole line at once: the processes write to one terminal.
            print(f"{name} {outcome.key} {type(outcome).__name__} {task_id}\n", end="", flush=True)


if __name__ == "__main__":
    workers = [multiprocessing.get_context("spawn").Process(target=work, args=(name,)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
