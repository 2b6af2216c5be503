"""The steps whose instructions are counted. Each runs once to warm up, and once between two marks.

Nothing here depends on time, threads or sockets: the event loop has virtual time, the transport answers from memory,
and the journal commits in the thread that asked. `instructions` runs this module.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from .service import Lives, Service

ROWS = ("import", "params", "submit", "poll", "run", "run_file", "batch", "resume")
COUNT = 100
"""Jobs of a row. Few: under valgrind everything takes fifty times as long."""
SHORT = Lives(median=1.0)
"""Of tasks that have ended when they are polled for the first time: what a job costs without its polls."""
LONG = Lives(median=120.0)
"""Of tasks that are polled again and again."""
ENDED, GOING_ON = 1, 2
"""The API keys of the one and the other service."""

MARK = "PyImport_ExecCodeModuleWithPathnames"
"""The function of the interpreter in which callgrind counts: no import of today calls it."""


# --- the rows


def steps() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each row with what it measures, set up and warmed up."""
    import aiohttp  # noqa: F401  # what it costs is not ours

    yield "import", _import
    with _world() as world:
        for name in ROWS[1:]:
            prepare: Callable[[str], Callable[[], None]] = getattr(world, name)
            for round_name in ("warm", "counted"):
                made = prepare(f"{name}-{round_name}")
                if round_name == "warm":
                    made()
            yield name, made


def repeat(row: str, times: int) -> None:
    """Do one row again and again, for a profiler that takes samples."""
    if row == "import":
        _import()
        return
    with _world() as world:
        for number in range(times):
            prepare: Callable[[str], Callable[[], None]] = getattr(world, row)
            prepare(f"{row}-{number}")()


def _import() -> None:
    import evolink_async.models  # noqa: F401  # a user of one model imports this


@contextmanager
def _world() -> Iterator[World]:
    from tests.simulation import seams  # after the row `import`
    from tests.simulation.journal import Disk
    from tests.simulation.loop import Clock, VirtualLoop

    clock = Clock()
    services = {number: Service(lives) for number, lives in ((ENDED, SHORT), (GOING_ON, LONG))}
    with (
        ExitStack() as stack,
        tempfile.TemporaryDirectory() as folder,
        seams.simulated(clock, 1, lambda number: _Transport(services[number]), lambda: Disk(None)),
    ):
        loop = VirtualLoop(clock)
        stack.callback(loop.close)
        asyncio.set_event_loop(loop)
        yield World(loop, Path(folder), services)


class World:
    """Prepares the rows; each takes a word that no other job's key has."""

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, services: dict[int, Service]) -> None:
        import evolink_async

        self._ev = evolink_async
        self._loop = loop
        self._folder = folder
        self._services = services

    def params(self, word: str) -> Callable[[], None]:
        """Make and dump parameters."""
        ev = self._ev

        def made() -> None:
            for number in range(COUNT):
                ev.dump_params(self._shot(f"{word} {number}"))

        return made

    def submit(self, word: str) -> Callable[[], None]:
        """Submit jobs, one after the other."""

        async def submits(pool: Any) -> None:
            for job in self._jobs(word):
                await pool.submit(job.params, key=job.key)

        return self._in_a_pool(submits)

    def poll(self, _: str) -> Callable[[], None]:
        """Poll a task, without the engine."""
        [polled] = self._accept(1, ENDED)

        async def polls(pool: Any) -> None:
            for _ in range(COUNT):
                await pool.poll(polled)

        return self._in_a_pool(polls)

    def run(self, word: str) -> Callable[[], None]:
        """Run jobs to their end, with the journal in memory."""
        return self._in_a_pool(self._run(word))

    def run_file(self, word: str) -> Callable[[], None]:
        """Run jobs to their end, with the journal in a file."""
        return self._in_a_pool(self._run(word), journal=self._folder / f"{word}.db")

    def batch(self, _: str) -> Callable[[], None]:
        """Wait for tasks that were submitted elsewhere: what the poller does for them, in batches."""
        accepted = self._accept(COUNT, GOING_ON)

        async def waits(pool: Any) -> None:
            await asyncio.gather(*(pool.wait(one) for one in accepted))

        return self._in_a_pool(waits, GOING_ON)

    def resume(self, word: str) -> Callable[[], None]:
        """Run jobs again that the journal knows as finished."""
        run, path = self._run(word), self._folder / f"{word}.db"
        self._in_a_pool(run, journal=path)()
        return self._in_a_pool(run, journal=path)

    def _accept(self, count: int, service: int) -> list[str]:
        """Have a service make tasks."""
        answers = [self._services[service].answer("/v1/videos/generations", b"") for _ in range(count)]
        return [json.loads(answer.partition(b"\r\n\r\n")[2])["id"] for answer in answers]

    def _in_a_pool(
        self, act: Callable[[Any], Awaitable[None]], service: int = ENDED, **settings: Any
    ) -> Callable[[], None]:
        ev = self._ev

        async def main() -> None:
            async with ev.SessionPool(f"sk-{service}", **settings) as pool:
                await act(pool)

        return lambda: self._loop.run_until_complete(main())

    def _run(self, word: str) -> Callable[[Any], Awaitable[None]]:
        async def run(pool: Any) -> None:
            ended = [outcome async for outcome in pool.run(self._jobs(word))]
            assert all(isinstance(outcome, self._ev.Completed) for outcome in ended)
            assert len(ended) == COUNT

        return run

    def _jobs(self, word: str) -> list[Any]:
        return [self._ev.Job(f"{word}-{number}", self._shot(f"{word} {number}")) for number in range(COUNT)]

    def _shot(self, prompt: str) -> Any:
        return self._ev.Wan26ReferenceVideo(prompt=prompt, video_urls=["https://example.com/a.mp4"])


class _Transport:
    """Answers from memory."""

    def __init__(self, service: Service) -> None:
        from evolink_async.wire import Response

        self._response = Response
        self._answer = service.answer

    async def send(self, request: Any, _: object = None) -> Any:
        """Answer."""
        framed = self._answer(request.path, request.body or b"")
        return self._response(status=200, headers={}, body=framed.partition(b"\r\n\r\n")[2])

    async def aclose(self) -> None:
        """Nothing is open."""


# --- between two marks


def slowed(act: Callable[[], None], turns: int) -> Callable[[], None]:
    """Return a step that needs more: so many turns of an empty loop."""

    def slow() -> None:
        act()
        for _ in range(turns):
            pass

    return slow


def marked(act: Callable[[], None]) -> None:
    """Run it inside of `MARK`."""
    # Callgrind does not see the first function that ctypes calls, but the one that is called by it.
    run = ctypes.pythonapi.PyImport_ExecCodeModule
    run.argtypes, run.restype = [ctypes.c_char_p, ctypes.py_object], ctypes.py_object
    _step[:] = [act]
    # Collections come at the same places in each run: else a whole one falls into a short row, or not.
    gc.collect()
    run(b"counted_step", compile(f"import sys; sys.modules[{__name__!r}]._step[0]()", "<step>", "exec"))


_step: list[Callable[[], None]] = []


def bytecodes(act: Callable[[], None]) -> Counter[str]:
    """Count the bytecodes that each function runs."""
    counted: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            code = frame.f_code
            counted[f"{_module(code.co_filename)}:{code.co_qualname}"] += 1
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return counted


def _module(path: str) -> str:
    """Return a path from the folder of its package on."""
    for mark in ("site-packages/", f"python3.{sys.version_info.minor}/", f"{Path(__file__).parents[1]}/"):
        path = path.rpartition(mark)[2]
    return path


if __name__ == "__main__":
    if sys.argv[1:] == ["--bytecodes"]:
        print(json.dumps({name: bytecodes(act) for name, act in steps()}))
    elif sys.argv[1:2] == ["--repeat"]:
        repeat(sys.argv[2], int(sys.argv[3]))
    else:
        further: dict[str, int] = json.loads(sys.argv[1]) if sys.argv[1:] else {}
        for name, act in steps():
            marked(slowed(act, further.get(name, 0)))
