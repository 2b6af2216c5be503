"""The settings of a pool: limits, cadence, retries and budget.

Environment variables are read in `pool`, settings of HTTP are in `client`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs

from .errors import ConfigurationError
from .wording import either

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
    "check_whole",
    "check_word",
)

Resubmit: TypeAlias = Literal["if_undelivered", "same_key", "never"]
BatchMode: TypeAlias = Literal["auto", "never"]
_Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]
"""A validator of attrs."""

LARGEST = 10**15
"""A limit above every sensible value; it keeps integers that no float can hold out of the arithmetic."""


def _number_check(kind: type, *, least: float, above: bool = False) -> _Check:
    """Make a validator that takes a finite `kind` of at least (or, with `above`, more than) `least`."""
    allowed, noun = ((int,), "a whole number") if kind is int else ((int, float), "a number")

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        where = f"{type(instance).__name__}.{field.name}"
        # `type`, because a bool is an int; `not <=`, because every comparison with NaN is false.
        if type(value) not in allowed or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            raise ConfigurationError(f"{where} must be {noun}, at most 10**15, not {_shown(value)}")
        if value < least or (above and value == least):
            raise ConfigurationError(f"{where} must be {'more than' if above else 'at least'} {least}, not {value!r}")

    return check


def _shown(value: object) -> str:
    # Python writes no more than 4,300 digits.
    return "a larger one" if isinstance(value, int) and abs(value) > LARGEST else repr(value)[:40]


check_count: _Check = _number_check(int, least=1)
"""Refuses what is not a whole number of at least 1 and at most 10**15."""
check_whole: _Check = _number_check(int, least=0)
"""Refuses what is not a whole number of at least 0 and at most 10**15."""
check_positive: _Check = _number_check(float, least=0, above=True)
"""Refuses what is not a number above 0 and at most 10**15."""
check_seconds: _Check = check_positive
"""The same check as `check_positive`, under the name of what most fields hold."""


def check_word(*words: str) -> _Check:
    """Make a validator that takes one of `words`, and raises a ConfigurationError for any other value."""

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            where = f"{type(instance).__name__}.{field.name}"
            raise ConfigurationError(f"{where} must be {either(words)}, not {value!r}")

    return check


@attrs.frozen(kw_only=True)
class Limits:
    """How much a pool does at the same time, over all its keys, and how fast it submits.

    Attributes:
        requests: Concurrent HTTP calls to the API, submits and status requests together. 32 is far below what one
            connection pool serves without queueing.
        submits: Concurrent HTTP calls that submit; they count as `requests` too. Few, because a crash leaves each open
            one in doubt.
        in_flight: Unfinished tasks of all `run` streams together; also how far each stream reads ahead of the outcomes
            that the caller took. Jobs of `submit` and `generate` do not count.
        downloads: Concurrent downloads of result files; links that expire first go first. Other hosts serve them, so
            they do not count as `requests`.
        uploads: Concurrent uploads to the file service. It is another host, so they do not count as `requests`.
        submits_per_minute: Paid requests that each API key sends in a minute, evenly spaced, repeated ones included;
            None for no such limit. The service publishes no figure: this is what your account is allowed. Pools that
            share a journal in PostgreSQL and have this limit keep it together; the strictest of the open pools holds.

    Raises:
        ConfigurationError: A number is not a whole number of at least 1, `submits_per_minute` is not above 0, a number
            exceeds 10**15, or `submits` exceeds `requests`.
    """

    requests: int = attrs.field(default=32, validator=check_count)
    submits: int = attrs.field(default=8, validator=check_count)
    in_flight: int = attrs.field(default=1000, validator=check_count)
    downloads: int = attrs.field(default=4, validator=check_count)
    uploads: int = attrs.field(default=4, validator=check_count)
    submits_per_minute: float | None = attrs.field(default=None, validator=attrs.validators.optional(check_positive))

    def __attrs_post_init__(self) -> None:
        if self.submits > self.requests:
            raise ConfigurationError(
                f"Limits.submits ({self.submits}) is a part of Limits.requests ({self.requests}) and must not exceed it"
            )


@attrs.frozen(kw_only=True)
class Cadence:
    """How often a pool polls its tasks. Each poll makes the gateway ask its provider, so polls are kept few.

    Attributes:
        polls_per_second: Status requests per second, over all tasks of the pool.
        first_look: Seconds after acceptance within which a task is polled once, whatever its estimate is; or
            `max_interval`, if that is longer.
        min_interval: Shortest time between two polls of one task, in seconds.
        max_interval: Longest time between two polls of one task, in seconds. A task older than ten times this is
            polled every tenth of its age, so its end is found at most 10 % late. With callbacks that arrive it is ten
            times as long, and half of the age.
        not_found_grace: Seconds for which the answer "no such task" counts as "not visible yet".
        look_price: Seconds of lag that one status request is worth: a lower value finds the end sooner with more
            requests. At 0.5 a task of 150 s is polled about ten times, and its end is found about 3 s late.
        batch: "auto" polls up to 50 tasks with one request. The service's own clients use this route, but the pages
            do not document it; so its first answers are checked, and tasks that it fails for are polled one by one.
            "never" does not use it.

    Raises:
        ConfigurationError: A number is not above 0 or exceeds 10**15, `min_interval` exceeds `max_interval`, or `batch`
            is another word.
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
    """When a submit is sent again. Polls have no policy: they are free, so they are repeated without a limit.

    Attributes:
        resubmit: "if_undelivered" repeats a submit that certainly was not accepted: no connection, 429, 503 with one of
            the service's own words for "not accepted", or 401, 403 and the like from something on the way. "same_key"
            also repeats a submit in doubt, with the same Idempotency-Key and body; the service's own clients rely on
            that header, but its documentation does not promise it. "never" sends every submit once. With several API
            keys, a job that the service refuses because of the key (401, 402, or a model that the key may not use)
            goes to another key all the same: it was certainly not accepted.
        attempts: Most sends of one submit, with the first. After a refusal because of the key it goes to another key
            beyond that, too.
        patience: Seconds for which jobs wait. In an outage of the service, counted from when paid requests were
            stopped: then waiting jobs fail with `OutageError`, and runs end with it. For one job in trouble, from its
            first send. For a key that is refused for load (429), while no task of that key is running. For a download,
            the time without a byte. An address at which the service itself never answered gets 30 s at most.
        base: Seconds of back-off before the second send; doubled for each further one, with full jitter.
        cap: Longest back-off, in seconds. A longer Retry-After is obeyed too, within `patience`.
        refusals: Equal refusals in a row of one key for one model, after which it is not asked for that model for
            `patience` seconds.
        rebuy: How many times a job is bought anew when its task fails for a passing reason, as `service_error`; each
            time is a purchase of its own, after a pause of about `cap` seconds, doubled each time. A failed task costs
            nothing; if the service says that one was charged, its job is not bought anew. A job in doubt, or refused
            for its content or parameters, never is. Holds for `run` and `generate`.
        grace: Seconds for which a submit that is on its way can still return its task id after the caller was
            cancelled or the pool was closed.

    Raises:
        ConfigurationError: `attempts` or `refusals` is not a whole number of at least 1, `rebuy` is not a whole number
            of at least 0, another number is not above 0, one exceeds 10**15, or `resubmit` is another word.
    """

    resubmit: Resubmit = attrs.field(
        default="if_undelivered", validator=check_word("if_undelivered", "same_key", "never")
    )
    attempts: int = attrs.field(default=10, validator=check_count)
    patience: float = attrs.field(default=300.0, validator=check_seconds)
    base: float = attrs.field(default=0.5, validator=check_seconds)
    cap: float = attrs.field(default=30.0, validator=check_seconds)
    refusals: int = attrs.field(default=5, validator=check_count)
    rebuy: int = attrs.field(default=0, validator=check_whole)
    grace: float = attrs.field(default=10.0, validator=check_seconds)


@attrs.frozen
class Budget:
    """How much all runs of one journal spend together. One in memory lasts as long as its process.

    Processes that share a journal in PostgreSQL share the budget; the strictest limit of the open pools holds.

    Prices are learned from what the service names. The first job of a price class (model, quality, seconds, sound,
    number of inputs) is a learner: it is sent alone, if any credits are left. What holds: credits reserved and charged
    stay within `credits`, but for the prices of the learners, for a price that rises while jobs are under way (by the
    difference, for each of these jobs), and for doubts that you settle as not paid although they were. With
    `most_per_job` there are no learners, and the limit holds as long as no price exceeds `most_per_job`; the first that
    does stops its price class.

    A task may be charged more than it reserves. So what it reserves counts as its price once a task of its class was
    charged no more than that. Until then it holds the highest price of its class, or `most_per_job`, if that is more.

    Attributes:
        credits: The most that may be reserved and charged together; 68 credits are about one US dollar.
        most_per_job: Credits held for each job until its price is known; None to learn prices.

    Raises:
        ConfigurationError: A number is not above 0, or exceeds 10**15.
    """

    credits: float = attrs.field(validator=check_positive)
    most_per_job: float | None = attrs.field(
        default=None, kw_only=True, validator=attrs.validators.optional(check_positive)
    )
