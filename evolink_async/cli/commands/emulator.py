"""The command `emulator`: runs a local EvoLink for other programs until Ctrl-C.

The emulator itself is the package `evolink_async.emulator`.
"""

from __future__ import annotations

import asyncio

import attrs

from ...errors import ConfigurationError
from ..exit_codes import OK
from ..inputs.local_emulator import EMULATOR_KEY, POLL_EVERY, EmulatorOptions, started
from ..output.terminal import Terminal


def emulator(options: EmulatorOptions, terminal: Terminal) -> int:
    """Run an emulator until Ctrl-C; return the exit code.

    Args:
        options: The options of the command.
        terminal: Where its addresses are printed.

    Raises:
        ConfigurationError: A port is taken, a number is out of range, or the extra `emulator` is not installed.
    """
    from ...emulator import Emulator

    try:
        local = Emulator(**attrs.asdict(options))
    except ValueError as error:
        raise ConfigurationError(f"the emulator cannot be made: {error.args[0]}") from None

    async def serve() -> None:
        async with started(local):
            # Not earlier: with port 0 the address is known only now.
            _introduce(local.base_url, local.results_url, options.speed, terminal)
            await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        # Not exit code 130: Ctrl-C is the normal way to end this command.
        terminal.note("The emulator has stopped; its tasks and files are gone.")
    return OK


def _introduce(base_url: str, results_url: str, speed: float, terminal: Terminal) -> None:
    terminal.say(f"A local EvoLink emulator is running on {base_url}, its results on {results_url}.")
    terminal.say(f"It is {speed:g} times as fast as EvoLink and takes one key. Ctrl-C stops it. In another terminal:")
    terminal.say()
    terminal.say(f"export EVOLINK_BASE_URL={base_url}")
    terminal.say(f"export EVOLINK_API_KEY={EMULATOR_KEY}")
    terminal.say("export EVOLINK_ALLOW_PRIVATE_RESULTS=1")
    terminal.say(f"evolink-async run jobs.jsonl --out videos --look-every {POLL_EVERY / speed:g}")
    # A program that starts the emulator as a process reads these lines from a pipe and waits for them.
    terminal.out.file.flush()
