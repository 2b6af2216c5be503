"""Make a video of each line of a text file. Start the script again after a crash: it buys nothing twice.

Usage: python batch.py PROMPTS.txt FOLDER CREDITS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import evolink_async as ev
from evolink_async.models import Wan26TextToVideo


def jobs_of(prompts: Path) -> Iterator[ev.Job]:
    """Yield a job for each line that is not empty."""
    for number, line in enumerate(prompts.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            # The key names the file, and it is how the journal knows the job again in the next run.
            yield ev.Job(f"line-{number:03}", Wan26TextToVideo(prompt=line.strip(), duration=2))


async def main(prompts: Path, folder: Path, most_credits: float) -> int:
    """Run all jobs and return the exit code: 0 if every line has its video, else 1."""
    missing = 0
    async with ev.SessionPool(journal=folder / "jobs.db", budget=ev.Budget(credits=most_credits)) as pool:
        async with pool.run(jobs_of(prompts), download_to=folder) as outcomes:
            async for outcome in outcomes:
                match outcome:
                    case ev.Completed(key=key, download_error=None):
                        print(key, "saved as", *(file.name for file in outcome.files))
                    case ev.Completed(key=key, url=url, download_error=error):
                        missing += 1
                        print(key, "is ready, but not saved:", error, url)
                    case ev.Failed(key=key, error=error):
                        missing += 1
                        print(key, "failed:", error, error.advice)
                    case ev.Unknown(key=key, error=error):
                        missing += 1
                        print(key, "may have been paid for:", error.advice)
        print(f"{pool.stats().credits_used:g} credits used in this run")
    return 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python batch.py PROMPTS.txt FOLDER CREDITS")
    films = Path(sys.argv[2])
    films.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(main(Path(sys.argv[1]), films, float(sys.argv[3]))))
