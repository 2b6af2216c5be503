"""The settings of an emulator: `EmulatorSettings` lists, checks and documents them; `EmulatorArguments` types them.

`server.Emulator` inherits its keyword arguments from the first; `service` and `hosts` read them from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TypedDict

from attrs import Factory, field, frozen, validators

from .clock import Clock, ScaledClock


def _scaled_clock(settings: EmulatorSettings) -> Clock:
    return ScaledClock(settings.speed)


# Compared by identity: `Emulator` inherits this, and two emulators with equal settings are still two.
@frozen(eq=False, kw_only=True)
class EmulatorSettings:
    """What a user may choose; every setting has a default.

    Attributes:
        port: Port of the API and the file service; 0 takes a free one.
        results_port: Port of the result host; 0 takes a free one.
        host: Address to listen on.
        speed: Emulated seconds per real second. At 20, a task of 120 s takes 6 s.
        clock: Replaces the clock that `speed` makes; tests pass a `HandClock`.
        seed: Determines task ids, durations and failures: the n-th task of a seed is always the same.
        credits: Initial credits of the account. The default is more than most tests spend.
        api_keys: The valid API keys; all belong to one account.
        median_seconds: Median duration of a task, in emulated seconds.
        failure_share: Share of the tasks that fail, 0 to 1.
        latency: Minimum real seconds that each request takes. At 0, replies are so fast that requests rarely
            overlap, and `peak` says little about the concurrency of a client.
        batch: Serve `/v1/tasks/batch`, which no public page documents. When False, it replies 404.
        prices: Serve `/v1/catalog/pricing-rules`, which no public page documents. When False, it replies 404.
        idempotency: Honour `Idempotency-Key`, which no public page documents. When False, each POST is a new
            paid task.
        allow_private_callbacks: Accept callback URLs that are http, loopback or private, and do not verify the
            certificates of receivers.
        callbacks_to: Origin, such as `http://127.0.0.1:8080`, that receives all callbacks instead of their own
            hosts. A test can then use a public https `callback_url`, as the vendor requires.
        strict_fields: Refuse top-level fields that the model's schema does not name. What the vendor does with
            them is not documented.
        denied_models: Models that are refused with 403, per API key.
        submits_per_minute: Most submits of each API key in a real minute, whatever `speed` is; more are refused with
            429. They come out of a bucket that fills evenly and holds what a second adds, and one more. None for no
            limit. The vendor publishes no figure.
    """

    port: int = field(default=0, validator=[validators.ge(0), validators.le(65_535)])
    results_port: int = field(default=0, validator=[validators.ge(0), validators.le(65_535)])
    speed: float = field(default=1.0, validator=validators.gt(0))
    seed: int = 0
    credits: float = field(default=100_000.0, validator=validators.ge(0))
    api_keys: Collection[str] = field(default=("sk-emulator",), repr=False)
    median_seconds: float = field(default=120.0, validator=validators.gt(0))
    failure_share: float = field(default=0.0, validator=[validators.ge(0), validators.le(1)])
    latency: float = field(default=0.0, validator=validators.ge(0))
    batch: bool = True
    prices: bool = True
    idempotency: bool = True
    allow_private_callbacks: bool = False
    host: str = "127.0.0.1"
    callbacks_to: str | None = None
    strict_fields: bool = True
    denied_models: Mapping[str, Collection[str]] = field(default=MappingProxyType({}), repr=False)
    submits_per_minute: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    clock: Clock = field(default=Factory(_scaled_clock, takes_self=True), repr=False)


# A second list, held equal to the first by a test: no type checker derives one from the other.
class EmulatorArguments(TypedDict, total=False):
    """The keyword arguments of `Emulator`, for functions that hand them on: `**settings: Unpack[EmulatorArguments]`."""

    port: int
    results_port: int
    speed: float
    seed: int
    credits: float
    api_keys: Collection[str]
    median_seconds: float
    failure_share: float
    latency: float
    batch: bool
    prices: bool
    idempotency: bool
    allow_private_callbacks: bool
    host: str
    callbacks_to: str | None
    strict_fields: bool
    denied_models: Mapping[str, Collection[str]]
    submits_per_minute: float | None
    clock: Clock
