"""The studio: renders result files on demand in one worker thread and keeps the latest ones.

Nothing here draws or encodes; nothing here knows links or HTTP.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from ..service.outputs import Film
from ..service.task import TaskRecord
from . import canvas, video

_KEPT_RESULT_BYTES = 64 * 1024 * 1024
_KEPT_STOCK_BYTES = 64 * 1024 * 1024


class RecentBytes:
    """The latest byte strings by key, at most `limit` bytes of them in all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under `key`, made first when it is not there."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = make()
        self._kept[key] = made
        self._size += len(made)
        while self._size > self._limit and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1])
        return made


class Studio:
    """Makes the files of tasks.

    One worker, so that no shape is encoded twice at once and nothing needs a lock.
    """

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolink-emulator-studio")
        self._results = RecentBytes(_KEPT_RESULT_BYTES)
        self._stock = RecentBytes(_KEPT_STOCK_BYTES)

    async def render(self, task: TaskRecord, index: int) -> bytes:
        """Return the `index`-th file of `task`: an MP4 film or a PNG picture."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._result, task, index)

    def close(self) -> None:
        """Stop within a frame's time and end the thread."""
        self._stopping.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _result(self, task: TaskRecord, index: int) -> bytes:
        return self._results.get((task.task_id, index), lambda: self._make(task))

    def _make(self, task: TaskRecord) -> bytes:
        title = canvas.Title(task.model, task.task_id, str(task.body.get("prompt", "")))
        spec = task.spec
        if not isinstance(spec, Film):
            return canvas.png(spec.width, spec.height, title)
        stock = self._stock.get(spec, lambda: video.encode_spec(spec, stopped=self._stopping.is_set))
        return video.titled(stock, spec, title)
