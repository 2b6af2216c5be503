"""Follow one task step by step. How this looks in a notebook is in `notebook.ipynb`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import evolink_async as ev
from evolink_async.models import Wan26TextToVideo


async def main() -> None:
    """Submit a job, watch its task, and save the video."""
    async with ev.SessionPool() as pool:
        accepted = await pool.submit(Wan26TextToVideo(prompt="A cat playing piano", duration=2))
        # The task id is all that another process needs: `await pool.wait(task_id)` works anywhere.
        print("accepted as", accepted.task_id, "for", accepted.credits_reserved, "credits")

        snapshot = await pool.poll(accepted.task_id)
        print("one poll:", snapshot.state)

        async for snapshot in pool.watch(accepted.task_id):
            print("watched:", snapshot.state, f"{snapshot.progress_percent or 0} %")

        done = await pool.wait(accepted.task_id)
        saved = await pool.download(done, Path("cat.mp4"))
        print("saved as", *saved.files)


if __name__ == "__main__":
    asyncio.run(main())
