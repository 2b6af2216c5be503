"""The renderer: makes result files when they are requested, in one worker thread, and caches the latest ones.

Images and frames are drawn in `canvas`, videos are encoded in `video`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from ..service.output_spec import VideoSpec
from ..service.task import TaskRecord
from . import canvas, video

# A download in parts asks for the same result many times; a run has many tasks of few video specs.
_RESULT_CACHE_BYTES = 64 * 1024 * 1024
_UNTITLED_CACHE_BYTES = 64 * 1024 * 1024


class LruBytes:
    """A cache of byte strings that drops the least recently used ones above `limit` bytes in total."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cached: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what is cached under `key`; calls `make` when nothing is."""
        if key in self._cached:
            self._cached.move_to_end(key)
            return self._cached[key]
        made = make()
        self._cached[key] = made
        self._size += len(made)
        # The newest entry stays even if it alone is above the limit.
        while self._size > self._limit and len(self._cached) > 1:
            self._size -= len(self._cached.popitem(last=False)[1])
        return made


class Renderer:
    """Renders the result files of tasks."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        # One worker: no video is encoded twice at the same time, and the caches need no lock.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolink-emulator-renderer")
        self._results = LruBytes(_RESULT_CACHE_BYTES)
        self._untitled = LruBytes(_UNTITLED_CACHE_BYTES)

    async def render(self, task: TaskRecord, index: int) -> bytes:
        """Return the `index`-th result file of `task`: an MP4 video or a PNG image."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._result, task, index)

    def close(self) -> None:
        """Stop rendering after the current frame and end the worker thread."""
        self._stopping.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _result(self, task: TaskRecord, index: int) -> bytes:
        return self._results.get((task.task_id, index), lambda: self._make(task))

    def _make(self, task: TaskRecord) -> bytes:
        title = canvas.Title(task.model, task.task_id, str(task.body.get("prompt", "")))
        spec = task.spec
        if not isinstance(spec, VideoSpec):
            return canvas.png(spec.width, spec.height, title)
        untitled = self._untitled.get(spec, lambda: video.encode_untitled(spec, stopped=self._stopping.is_set))
        return video.with_title(untitled, spec, title)
