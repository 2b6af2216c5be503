"""The command `emulator`: runs a local EvoLink for other programs until Ctrl-C.

The emulator itself is the package `evolink_async.emulator`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..exit_codes import OK
from ..inputs.local_emulator import EmulatorOptions, new_emulator, started
from ..output.terminal import Terminal

if TYPE_CHECKING:
    from ...emulator import Emulator


def emulator(options: EmulatorOptions, terminal: Terminal) -> int:
    """Run an emulator until Ctrl-C; return the exit code.

    Args:
        options: The options of the command.
        terminal: Where its addresses are printed.

    Raises:
        ConfigurationError: A port is taken, a number is out of range, a fault cannot be read, or the extra `emulator`
            is not installed.
    """
    local = new_emulator(options)

    async def serve() -> None:
        async with started(local):
            # Not earlier: with port 0 the address is known only now.
            _introduce(local, options.fault, terminal)
            await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        # Not exit code 130: Ctrl-C is the normal way to end this command.
        terminal.note("The emulator has stopped; its tasks and files are gone.")
    return OK


def _introduce(emulator: Emulator, faults: Sequence[str], terminal: Terminal) -> None:
    client = emulator.client()
    terminal.say(f"A local EvoLink emulator is running on {emulator.base_url}, its results on {emulator.results_url}.")
    terminal.say(f"It is {emulator.speed:g} times as fast as EvoLink and takes one key. Ctrl-C stops it.")
    terminal.say(f"Its dashboard, with the tasks that were paid for: {emulator.dashboard_url}")
    if faults:
        terminal.say(f"What goes wrong: {', '.join(faults)}")
    terminal.say("In another terminal:")
    terminal.say()
    terminal.say(f"export EVOLINK_BASE_URL={emulator.base_url}")
    terminal.say(f"export EVOLINK_API_KEY={client['api_key'][0]}")
    terminal.say("export EVOLINK_ALLOW_PRIVATE_RESULTS=1")
    terminal.say(f"evolink-async run jobs.jsonl --out videos --look-every {client['cadence'].max_interval:g}")
    # A program that starts the emulator as a process reads these lines from a pipe and waits for them.
    terminal.out.file.flush()
