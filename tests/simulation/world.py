"""What outlives a process of a history: the clock, the vendor, the network, and the disk with the journal.

What a process does is in `process`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
from PIL import Image

from evolink_async import Budget, Job, Limits, RetryPolicy, SessionPool
from evolink_async.events import Event
from evolink_async.models import Wan25ImageToVideo, Wan25TextToVideo
from tests.simulation import seams
from tests.simulation.callbacks import Calls
from tests.simulation.dice import Dice
from tests.simulation.journal import Disk
from tests.simulation.loop import Clock
from tests.simulation.network import Network
from tests.simulation.script import Script, Wish
from tests.simulation.task import Task
from tests.simulation.trace import Entry, Trace
from tests.simulation.vendor import QUALITIES, Vendor

REQUESTS = 8
"""HTTP calls at once: few, so that they are a limit that is met."""


class World:
    """One history under way: the clock, the vendor and the files, which outlive every process.

    Args:
        script: What happens.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.clock = Clock()
        self.trace = Trace()
        self.dice = Dice(script.salt)
        self.wishes = {wish.key: wish for wish in script.wishes}
        self.calls = self._new_calls()
        self.vendor = Vendor(script, self.clock, self.dice, self.trace, self.calls)
        self.network = Network(self.vendor, self.clock, self.dice, self.trace)
        self._folder: Path | None = None
        self.disk = Disk(None)
        self.memory_journal: Any = None
        self._asked: dict[str, None] = {}
        self.journal_begins_at = 0
        """The process from which on the journal knows what happened."""

    def _new_calls(self) -> Calls:
        return Calls(self.script, self.clock, self.dice, self.trace)

    @contextmanager
    def files(self) -> Iterator[None]:
        """Have a folder in memory for as long as it is needed, if the journal or an input is a file."""
        if self.script.journal == "memory" and not any(wish.has_file for wish in self.script.wishes):
            yield
            return
        memory = Path("/dev/shm")  # the folder below it has a name of its own
        self._folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=memory if memory.is_dir() else None))
        try:
            yield
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def crash(self) -> None:
        """Lose what a process has not made durable."""
        self.disk.unplug()
        self.network.crash()
        self.memory_journal = None
        self.trace.process += 1
        if self.script.journal == "memory":
            self.journal_begins_at = self.trace.process

    # --- what processes need

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return self.clock.elapsed()

    def scrub(self, text: str) -> str:
        """Return a text without what differs from process to process."""
        return text.replace(str(self._folder), "folder") if self._folder is not None else text

    def note(self, entry: Entry) -> None:
        """Add to the trace."""
        self.trace.entries.append(entry)

    def new_pool(self, observer: Callable[[Event], None], *, has_calls: bool = True) -> SessionPool:
        """Make a pool with the script's settings, on the journal that there is."""
        script = self.script
        # What a script leaves as it is by default is played as the library has it by default.
        retry = RetryPolicy(rebuy=script.rebuy)
        if script.resubmit == "same_key":
            retry = attrs.evolve(retry, resubmit="same_key")
        return SessionPool(
            [seams.key(number) for number in range(script.sessions)],
            base_url="https://api.simulation.example",
            limits=Limits(
                requests=REQUESTS,
                submits=script.submits,
                in_flight=script.in_flight,
                submits_per_minute=script.per_minute if script.facts else None,
            ),
            retry=retry,
            journal=self._journal(),
            budget=None if script.budget is None else Budget(credits=script.budget, most_per_job=script.most_per_job),
            observer=observer,
            callbacks=self.calls.new_receiver() if has_calls else None,
        )

    def _journal(self) -> Any:
        slow = self.dice if self.script.slow_disk else None
        if self.script.journal == "memory" or self._folder is None:
            self.memory_journal = self.memory_journal or seams.memory_journal()
            return seams.open_journal(self.memory_journal, self.trace, self.clock, slow, slow)
        self.disk = Disk(slow)
        return seams.open_journal(seams.file_journal(self._folder / "jobs.db"), self.trace, self.clock, None, slow)

    def asked(self, key: str) -> None:
        """Remember that a job was asked for."""
        self._asked[key] = None

    def all_asked(self) -> tuple[str, ...]:
        """Return the keys of all jobs ever asked for."""
        return tuple(self._asked)

    def wish(self, key: str) -> Wish:
        """Return the wish of this key."""
        return self.wishes[key]

    def task_of(self, key: str) -> Task | None:
        """Return the latest task of a job, as the dashboard shows it."""
        return next((task for task in reversed(self.vendor.ledger) if task.job == key), None)

    def job(self, key: str) -> Job:
        """Return the job of this key."""
        wish = self.wish(key)
        quality, seconds = QUALITIES[wish.price_class]
        shape: dict[str, Any] = {"prompt": key, "quality": quality, "duration": seconds}
        if wish.has_file and self._folder is not None:
            path = self._folder / f"{key}.png"
            if not path.exists():
                path.write_bytes(_picture(len(self._asked)))
            return Job(key, Wan25ImageToVideo(image_urls=[path], **shape))
        return Job(key, Wan25TextToVideo(**shape))


@cache
def _picture(number: int) -> bytes:
    """Make a picture that is unlike the others."""
    file = BytesIO()
    Image.new("RGB", (400, 400), (number % 256, number // 256 % 256, 0)).save(file, "PNG")
    return file.getvalue()
