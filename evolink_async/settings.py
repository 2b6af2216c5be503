"""The numbers a user may turn, frozen, each with its unit, its range and the reason for its default.

Nothing is read from the environment here, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs

from .errors import ConfigurationError

__all__ = (
    "LARGEST",
    "BatchMode",
    "Budget",
    "Cadence",
    "Limits",
    "Resubmit",
    "RetryPolicy",
    "check_count",
    "check_positive",
    "check_seconds",
    "check_word",
    "seconds_or_none",
)

Resubmit: TypeAlias = Literal["if_undelivered", "same_key", "never"]
BatchMode: TypeAlias = Literal["auto", "never"]


LARGEST = 10**15
"""More than any of these numbers can mean."""


def _number_check(kind: type, *, least: float, above: bool = False) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """Make a validator: a `kind`, finite, and at least (or, with `above`, more than) `least`."""
    allowed = (int,) if kind is int else (int, float)

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        where = f"{type(instance).__name__}.{field.name}"
        if type(value) not in allowed or not isinstance(value, int | float) or not abs(value) <= LARGEST:  # NaN is not
            raise ConfigurationError(f"{where} must be a finite {kind.__name__}, not {str(value)[:40]}")
        if value < least or (above and value == least):
            raise ConfigurationError(f"{where} must be {'more than' if above else 'at least'} {least}, not {value!r}")

    return check


check_count = _number_check(int, least=1)
check_positive = _number_check(float, least=0, above=True)
check_seconds = check_positive
seconds_or_none = attrs.validators.optional(check_seconds)


def check_word(*words: str) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """Make a validator: one of `words`."""

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            where = f"{type(instance).__name__}.{field.name}"
            raise ConfigurationError(f"{where} must be one of {', '.join(words)}, not {value!r}")

    return check


@attrs.frozen(kw_only=True)
class Limits:
    """How much may go on at once, over all keys of a pool.

    Attributes:
        requests: HTTP calls to the API at once, submits and looks together. 32 keeps one process far below what a
            single connection pool serves without queueing.
        submits: HTTP calls that submit, a part of `requests`. Few, because each one open is one that a crash
            could leave in doubt.
        in_flight: Jobs of all `run` streams alive at the service at once; also how far each reads ahead of what the
            caller took. A web back end that uses `submit` or `generate` counts its own.
        downloads: Result files fetched at once, those first whose links expire first; these go to other hosts and do
            not count as `requests`.
        uploads: Files sent to the file service at once; another host, so they do not count as `requests` either.

    Raises:
        ConfigurationError: A number is not a whole number of at least 1, or `submits` exceeds `requests`.
    """

    requests: int = attrs.field(default=32, validator=check_count)
    submits: int = attrs.field(default=8, validator=check_count)
    in_flight: int = attrs.field(default=1000, validator=check_count)
    downloads: int = attrs.field(default=4, validator=check_count)
    uploads: int = attrs.field(default=4, validator=check_count)

    def __attrs_post_init__(self) -> None:
        if self.submits > self.requests:
            raise ConfigurationError(
                f"Limits.submits ({self.submits}) is a part of Limits.requests ({self.requests}) and must not exceed it"
            )


@attrs.frozen(kw_only=True)
class Cadence:
    """How often tasks are looked at. Each look makes the gateway ask its provider, so looks are kept few.

    Attributes:
        polls_per_second: Status requests a second, over all tasks of the pool.
        first_look: Seconds after acceptance by which a task has been looked at once, whatever was estimated; or
            `max_interval`, if that is longer.
        min_interval: Shortest time between two looks at one task, in seconds.
        max_interval: Longest time between two looks at one task, in seconds; tasks older than ten times this
            are looked at every tenth of their age, so nobody learns of a video more than 10 % late.
        not_found_grace: Seconds for which "no such task" counts as "not visible yet".
        look_price: Seconds of lag that one status request is worth: the lower, the sooner the news and the more
            requests. At 0.5 a task of two and a half minutes is looked at about ten times, and found done 3 s late.
        batch: "auto" reads up to 50 tasks with one request, by a route that the service's own clients use and its
            pages do not document; its first answers are checked, and whatever it fails at is read singly. "never"
            leaves it alone.

    Raises:
        ConfigurationError: A number is not above 0, `min_interval` exceeds `max_interval`, or `batch` is another word.
    """

    polls_per_second: float = attrs.field(default=20.0, validator=check_seconds)
    first_look: float = attrs.field(default=60.0, validator=check_seconds)
    min_interval: float = attrs.field(default=1.0, validator=check_seconds)
    max_interval: float = attrs.field(default=30.0, validator=check_seconds)
    not_found_grace: float = attrs.field(default=60.0, validator=check_seconds)
    look_price: float = attrs.field(default=0.5, validator=check_seconds)
    batch: BatchMode = attrs.field(default="auto", validator=check_word("auto", "never"))

    def __attrs_post_init__(self) -> None:
        if self.min_interval > self.max_interval:
            raise ConfigurationError(
                f"Cadence.min_interval ({self.min_interval}) must not exceed Cadence.max_interval ({self.max_interval})"
            )


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a submit may be sent again. Looks have no policy: reading is free, so they never give up.

    Attributes:
        resubmit: "if_undelivered" sends again what certainly was not accepted (no connection, 429, a refusal in
            the service's own words). "same_key" also sends unknown submits again with the same Idempotency-Key
            and body; the service's own clients rely on that header, its documentation does not promise it.
            "never" sends every submit once.
        attempts: Sends of one submit at most, the first included.
        patience: Seconds from the first send after which it is not sent again; also how long an outage may last
            before jobs come back after one try each.
        base: Back-off before the second send, in seconds; doubled each time, with full jitter.
        cap: Longest back-off, in seconds. A longer Retry-After is still obeyed, within `patience`.
        refusals: Equal refusals in a row, no matter of which job, after which a model is not asked for any more for
            `patience` seconds; its jobs come back unsent.
        grace: Seconds that a submit already on its way gets, when we are cancelled or closed, to tell its task id.

    Raises:
        ConfigurationError: A number is out of range, or `resubmit` is another word.
    """

    resubmit: Resubmit = attrs.field(
        default="if_undelivered", validator=check_word("if_undelivered", "same_key", "never")
    )
    attempts: int = attrs.field(default=10, validator=check_count)
    patience: float = attrs.field(default=300.0, validator=check_seconds)
    base: float = attrs.field(default=0.5, validator=check_seconds)
    cap: float = attrs.field(default=30.0, validator=check_seconds)
    refusals: int = attrs.field(default=5, validator=check_count)
    grace: float = attrs.field(default=10.0, validator=check_seconds)


@attrs.frozen(kw_only=True)
class Budget:
    """How much may be spent, over every run of one journal; without a journal file, over the life of the pool.

    Prices are learned from what the service reserves, never known beforehand: the first job of a shape (model,
    quality, seconds, sound, inputs) is sent alone, and it alone can overshoot, by its own price.

    Attributes:
        credits: The most that may be reserved and charged together; 68 credits are about one US dollar.

    Raises:
        ConfigurationError: `credits` is not a finite number above 0.
    """

    credits: float = attrs.field(validator=check_positive)
