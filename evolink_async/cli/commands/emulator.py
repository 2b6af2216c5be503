"""The command `emulator`: a local EvoLink for other programs, until Ctrl-C.

What it answers is the emulator's business.
"""

from __future__ import annotations

import asyncio

from ...errors import ConfigurationError
from ..inputs.service import EMULATOR_KEY, started
from ..output import outcomes as report
from ..output.terminal import Terminal


def serve(terminal: Terminal, *, port: int, results_port: int, speed: float, seed: int, failure_share: float) -> int:
    """Run an emulator until Ctrl-C; return the exit code.

    Args:
        terminal: Where to say how to reach it.
        port: Of the API and the file service; 0 takes a free one.
        results_port: Of the result host; 0 takes a free one.
        speed: Emulated seconds per real one.
        seed: Decides ids, durations and failures.
        failure_share: Part of the tasks that fail, 0 to 1.

    Raises:
        ConfigurationError: A port is taken, a number is out of range, or the extra `emulator` is not installed.
    """
    from ...emulator import Emulator

    try:
        emulator = Emulator(port=port, results_port=results_port, speed=speed, seed=seed, failure_share=failure_share)
    except ValueError as error:
        raise ConfigurationError(f"the emulator cannot be made: {error.args[0]}") from None

    async def until_stopped() -> None:
        async with started(emulator):
            _introduce(emulator.base_url, emulator.results_url, speed, terminal)
            await asyncio.Event().wait()

    try:
        asyncio.run(until_stopped())
    except KeyboardInterrupt:  # the way to end it, so no failure
        terminal.note("The emulator has stopped; its tasks and files are gone.")
    return report.OK


def _introduce(base_url: str, results_url: str, speed: float, terminal: Terminal) -> None:
    terminal.say(f"A local EvoLink is up on {base_url}, its results on {results_url}.")
    terminal.say(f"It is {speed:g} times faster than life and knows one key. Ctrl-C stops it. In another terminal:")
    terminal.say()
    terminal.say(f"export EVOLINK_BASE_URL={base_url}")
    terminal.say(f"export EVOLINK_API_KEY={EMULATOR_KEY}")
    terminal.say("export EVOLINK_ALLOW_PRIVATE_RESULTS=1")
    terminal.say(f"evolink-async run jobs.jsonl --out videos --look-every {10 / speed:g}")
    terminal.out.file.flush()  # whoever starts it as a process waits for these lines
