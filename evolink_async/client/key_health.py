"""Whether one API key may submit: suspended, barred from a model, or refused for load.

It decides and does not wait: times are arguments. Which answers say so is decided in `wire.verdict`; outages, which are
nobody's refusal, are in `outage_brake`.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import backoff

from ..errors import StatusError
from ..settings import RetryPolicy

CHECK_SECONDS = 60.0
"""Seconds after which a suspended key, or a model that it is barred from, is tried again, if a job wants it; doubled
by each relapse."""
LONGEST_CHECK_SECONDS = 3600.0
WORTH_TELLING_SECONDS = 1.0
"""A shorter pause after a refusal for load is over before other processes have heard of it."""


@attrs.frozen
class _Bar:
    """That the key may not use a model: until when, in monotonic seconds, and how often that was so again."""

    error: StatusError
    until: float
    relapses: int


def _rest(relapses: int) -> float:
    """Return the seconds after which it is found out whether a refusal still holds."""
    return min(CHECK_SECONDS * 2.0 ** min(relapses, 10), LONGEST_CHECK_SECONDS)


class KeyHealth:
    """What is known of an API key from the answers to its requests. All times are monotonic seconds.

    Args:
        policy: The back-off after refusals for load, and how long jobs wait for a key.
        jitter: Takes a bound and returns a delay up to it.

    Attributes:
        suspended: The refusal that suspended the key; None while it may submit.
        is_on_trial: Whether the key was suspended and only one job may find out whether it works again.
        unproven: The refusal that suspended the key last; None once a job was accepted since.
        opens_at: When the next request may be sent with it, after refusals for load.
        changes: How often something was learned that other processes should know.
    """

    def __init__(self, policy: RetryPolicy, jitter: Callable[[float], float] = backoff.full_jitter) -> None:
        self.suspended: StatusError | None = None
        self.is_on_trial: bool = False
        self.unproven: StatusError | None = None
        self.opens_at: float = 0.0
        self.changes: int = 0
        self._policy = policy
        self._jitter = jitter
        self._bars: dict[str, _Bar] = {}
        self._trials: dict[str, object] = {}
        self._check_at = 0.0
        self._relapses = 0
        self._load: StatusError | None = None
        self._load_began: float | None = None
        self._closed_at = float("-inf")
        self._bursts = 0

    # --- what was learned

    def suspend(self, error: StatusError, now: float) -> bool:
        """Submit nothing more with the key; return whether that is new."""
        is_new = self.suspended is None
        if is_new:
            self._relapses = self._relapses + 1 if self.is_on_trial else 0
            self.put_off_check(now)
            self.changes += 1
        self.suspended = self.unproven = error
        self.is_on_trial = False
        return is_new

    def put_off_check(self, now: float) -> None:
        """Do not check the key again before some time has passed."""
        self._check_at = now + _rest(self._relapses)

    def lift(self) -> None:
        """The key may work again: let one job try it."""
        self.is_on_trial = self.suspended is not None
        self.suspended = None

    def forget_bars(self) -> None:
        """Let jobs of every model try the key again."""
        self._bars.clear()

    def bar(self, model: str, error: StatusError, now: float) -> None:
        """Submit no jobs of `model` for a while, then one: the service says that the key has no access."""
        before = self._bars.get(model)
        # Jobs under way meet the same refusal; the first one decides when the model is tried again.
        if before is None or now >= before.until:
            relapses = 0 if before is None else before.relapses + 1
            self._bars[model] = _Bar(error, now + _rest(relapses), relapses)

    def unbar(self, model: str) -> None:
        """The service accepted a job of `model`."""
        self._bars.pop(model, None)

    def began(self, model: str, job: object) -> None:
        """A job is sent; if the key was barred from its model, it is the one that finds out."""
        if model in self._bars:
            self._trials.setdefault(model, job)

    def ended(self, model: str, job: object) -> None:
        """A job has been sent; if it has not found out, the next one may."""
        if self._trials.get(model) is job:
            del self._trials[model]

    def refused_for_load(self, error: StatusError, sent_at: float, now: float) -> None:
        """The service refused a request, sent at `sent_at`, because there were too many.

        What was sent before the key was closed is of the same burst: one reason to wait, not ten.
        """
        self._load_began = now if self._load_began is None else self._load_began
        self._load = error
        pause = 0.0
        if sent_at > self._closed_at:
            pause = self._jitter(min(self._policy.base * 2.0 ** min(self._bursts, 50), self._policy.cap))
            self._bursts += 1
            self._closed_at = now
        # Retry-After is obeyed in full, with jitter, so that many processes do not return at the same moment. It may
        # slow us down, never speed us up: 0 or a date in the past leaves the own back-off.
        if error.retry_after is not None:
            pause = max(pause, error.retry_after + self._jitter(self._policy.base))
        self.changes += pause >= WORTH_TELLING_SECONDS and now + pause > self.opens_at
        self.opens_at = max(self.opens_at, now + pause)

    def accepted(self) -> None:
        """The service accepted a job. A delay that it has asked for still holds."""
        if self.suspended is None and self.unproven is not None:
            self.unproven = None
            self.changes += 1
        self.is_on_trial = False
        self._load_began, self._bursts, self._relapses = None, 0, 0

    # --- what other processes learned

    @property
    def refused(self) -> StatusError | None:
        """The last refusal for load."""
        return self._load

    @property
    def relapses(self) -> int:
        """How often the key was suspended again as soon as it was tried."""
        return self._relapses

    def heard_suspended(self, error: StatusError, relapses: int, now: float, *, is_news: bool) -> bool:
        """Another process had the key suspended; return whether that is new. If it is no news, it is checked first."""
        was_well = self.suspended is None
        self._relapses = max(self._relapses, relapses)
        self.suspended = self.unproven = error
        self.is_on_trial = False
        if is_news:
            self.put_off_check(now)
        else:
            self._check_at = now
        return was_well

    def heard_lifted(self, now: float) -> None:
        """A job of another process was accepted with it: check it as soon as a job wants it."""
        self._check_at = min(self._check_at, now)

    def heard_refused(self, error: StatusError, seconds: float, now: float) -> None:
        """Another process was refused for load, and sends nothing for some seconds."""
        if now + seconds > self.opens_at:
            self._load_began = now if self._load_began is None else self._load_began
            self._load = error
            self.opens_at = now + seconds + self._jitter(self._policy.base)

    # --- what follows

    def refusal(self, model: str, now: float, *, is_idle: bool) -> StatusError | None:
        """Return why no job of `model` is to wait for this key; None if it may go with it now or soon.

        Args:
            model: What the job asks for.
            now: Monotonic seconds.
            is_idle: Whether no task of the key is running, whose end would make room for another.
        """
        bar = self._bars.get(model)
        barred = bar.error if bar is not None and now < bar.until else None
        return self.suspended or barred or self._refusal_for_load(now, is_idle=is_idle)

    def is_tried(self, model: str) -> bool:
        """Whether one job finds out if the key may use a model again, for which the others wait."""
        return model in self._bars and model in self._trials

    def _refusal_for_load(self, now: float, *, is_idle: bool) -> StatusError | None:
        if self._load is None or now >= self.opens_at:
            return None
        is_asked_too_long = self.opens_at - now > self._policy.patience
        began = self.opens_at if self._load_began is None else self._load_began
        is_out_of_patience = is_idle and self.opens_at - began > self._policy.patience
        return self._load if is_asked_too_long or is_out_of_patience else None

    def is_check_due(self, now: float) -> bool:
        """Whether it is time to find out whether a suspended key works again."""
        return self.suspended is not None and now >= self._check_at
