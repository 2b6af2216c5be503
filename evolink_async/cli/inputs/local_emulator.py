"""The local emulator that `demo`, `run --emulator` and `emulator` start, and the options of `emulator`.

The emulator itself is the package `evolink_async.emulator`, which is imported when one is started.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import attrs
from cyclopts import Parameter

from ...errors import ConfigurationError
from .option_types import Integer, Port, Share, Speed
from .service import Service

if TYPE_CHECKING:
    from ...emulator import Emulator

EMULATOR_SPEED = 20.0
"""Emulated seconds per real second: a video that takes two minutes is ready after six seconds."""

_FAULT_HELP = (
    "What goes wrong, as submit=drop@1: KIND=FAULT[@WHICH]. May be repeated. KIND of request: submit, poll, "
    "batch (polls of several tasks), credits, prices, models, upload, result (a video), file (an uploaded one). "
    "FAULT: drop, refuse, hang, slow, cut, garbled, page, or a status, as 429. "
    "WHICH of these requests: 1; 1,3; 2-5; every:5. Default: all."
)

_LAST_REQUEST = sys.maxsize
"""A number above that of every request."""

_NUMBERS = re.compile(r"([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")
_EVERY = re.compile(r"every:([1-9][0-9]{0,8})")


# cyclopts makes an option of each field, and its help text of the line under "Attributes".
@Parameter(name="*")
@attrs.frozen(kw_only=True)
class EmulatorOptions:
    """The options of `emulator`.

    Attributes:
        port: Port of the API and the file service; 0 takes a free one.
        results_port: Port of the videos; 0 takes a free one.
        speed: Speed of the emulator.
        seed: Decides ids, durations and failures.
        failure_share: Share of the tasks that fail, 0 to 1.
        fault: What goes wrong, one text for each `--fault`; see `parse_faults`.
    """

    port: Port = 8787
    results_port: Port = 0
    speed: Speed = EMULATOR_SPEED
    seed: Integer = 0
    failure_share: Share = 0.0
    fault: Annotated[tuple[str, ...], Parameter(help=_FAULT_HELP, negative=(), show_default=False)] = ()


@attrs.frozen
class FaultOption:
    """One `--fault`.

    Attributes:
        kind: A kind of request, one of `faults.KINDS`.
        word: The name of a fault, see `faults.named`.
        ordinals: The requests of that kind that it meets, counted from 1.
    """

    kind: str
    word: str
    ordinals: tuple[range, ...]


def new_emulator(options: EmulatorOptions) -> Emulator:
    """Return the emulator that the options ask for, with its faults; it is not started yet.

    Raises:
        ConfigurationError: A fault cannot be read, or a number is out of range.
    """
    from ...emulator import Emulator, faults

    chosen = parse_faults(options.fault)
    try:
        made = Emulator(**attrs.asdict(options, filter=attrs.filters.exclude("fault")))
    except ValueError as error:
        raise ConfigurationError(f"the emulator cannot be made: {error.args[0]}") from None
    for one in chosen:
        kind = faults.KINDS[faults.KINDS.index(one.kind)]
        for ordinals in one.ordinals:
            made.faults.on(kind, ordinals, faults.named(one.word))
    return made


def parse_faults(texts: Iterable[str]) -> list[FaultOption]:
    """Return what the texts of some `--fault` say.

    Raises:
        ConfigurationError: At least one cannot be read; the message names each mistake, and what can be written.
    """
    from ...emulator import faults

    options: list[FaultOption] = []
    mistakes: list[str] = []
    for text in texts:
        try:
            options.append(_read_fault(text))
        except ValueError as error:
            mistakes.append(f"--fault {text}: {error}")
    if mistakes:
        raise ConfigurationError(
            f"{'; '.join(mistakes)}. Write KIND=FAULT[@WHICH], as submit=drop@1. KIND is {', '.join(faults.KINDS)}. "
            f"FAULT is {', '.join(faults.NAMED)}, or a status from 400 to 599. WHICH is a number, as 1; several, as "
            "1,3; a range, as 2-5; or every:5. Without it all requests of the kind meet the fault."
        )
    return options


def _read_fault(text: str) -> FaultOption:
    from ...emulator import faults

    kind, _, rest = text.partition("=")
    word, has_which, which = rest.partition("@")
    if kind not in faults.KINDS:
        raise ValueError(f"{kind!r} is no kind of request")
    try:
        faults.named(word)
    except ValueError:
        raise ValueError(f"{word!r} is no fault") from None
    return FaultOption(kind, word, tuple(_read_ordinals(which)) if has_which else (range(1, _LAST_REQUEST),))


def _read_ordinals(which: str) -> Iterator[range]:
    if found := _EVERY.fullmatch(which):
        step = int(found[1])
        yield range(step, _LAST_REQUEST, step)
        return
    for part in which.split(","):
        found = _NUMBERS.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise ValueError(f"{which!r} does not say which requests")
        yield range(first, last + 1)


@asynccontextmanager
async def emulated(speed: float, service: Service | None = None) -> AsyncGenerator[Service, None]:
    """Run an emulator in the running event loop, and give the service that it is.

    Args:
        speed: Emulated seconds per real second.
        service: How to use it, as `Service.in_flight`; its addresses, key and interval of polls are replaced.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or no port is free.
    """
    from ...emulator import Emulator

    # Not in a thread of its own: measured, the demo takes 14.8 s either way, as videos are encoded in a thread anyway.
    async with started(Emulator(speed=speed)) as emulator:
        client = emulator.client()
        yield attrs.evolve(
            service or Service(),
            base_url=client["base_url"],
            files_url=client["files_url"],
            api_key=client["api_key"][0],
            allow_private_results=client["http"].allow_private_results,
            look_every=client["cadence"].max_interval,
        )


@asynccontextmanager
async def started(emulator: Emulator) -> AsyncGenerator[Emulator, None]:
    """Start an emulator, and stop it at the end.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, or a port is taken.
    """
    # Not `async with emulator`: the errors below are those of the start, not those of the block.
    try:
        await emulator.__aenter__()
    except ImportError as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        ports = [str(port) for port in (emulator.port, emulator.results_port) if port]
        reason = error.strerror or str(error)
        where = f" on port {' or '.join(ports)}" if ports else ""
        raise ConfigurationError(f"the emulator cannot listen{where}: {reason}") from None
    try:
        yield emulator
    finally:
        await emulator.aclose()
