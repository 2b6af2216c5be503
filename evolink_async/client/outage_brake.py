"""Whether paid requests may be sent while the service fails: the brake that keeps an outage cheap.

It decides and does not wait: times are arguments, and what waits for it is in `submitting.submit_queue`. What counts as
trouble is decided in `wire.verdict`. The back-off of status requests is in `polling.outage_backoff`.

    open --three jobs in trouble--> closed --a free probe is answered, or three are not--> half-open
      ^                               ^                                                      |  |
      |                               +----------------- a trial is in trouble --------------+  |
      +---------------- as many trials in a row are accepted as may be sent at once ------------+
"""

from __future__ import annotations

import math

from ..errors import EvolinkError, OutageError, TransportError
from ..settings import RetryPolicy
from .outage_state import MOST_IN_TROUBLE, Move, OutageState, Trouble

JOBS_IN_TROUBLE = 3
"""Jobs in trouble, with no acceptance between, that close the brake."""
PROBES = 3
"""Free probes without an answer after which a paid request is tried all the same."""
DOUBTS = 5
"""Trials in doubt after which an outage is past patience."""
LONGEST_PAUSE = 3600.0
"""Most seconds that a doubt keeps the brake closed."""
ELSEWHERE = " (met by another process)"
STRANGER_PATIENCE = 30.0
"""Seconds of patience with an address at which the service itself has never answered: it may be the wrong one."""


class OutageBrake:
    """Stops the paid requests of all jobs while they fail, and lets one at a time find out whether the service is back.

    Args:
        policy: `base` and `cap` bound the time between two tries; `patience` is how long jobs wait for the end of an
            outage, from its first closing since the last acceptance.
        trials: Acceptances in a row that end an outage.
        has_answered: Whether the service itself is known to answer at its address.
        what: What is stopped, for messages.

    Attributes:
        is_open: Whether no outage is known.
        may_try: Whether this process may find out if an outage is over. One that shares the brake asks the others.
        is_busy: Whether it is finding out.
        changes: How often something was learned that other processes should know.
    """

    def __init__(
        self, policy: RetryPolicy, trials: int, *, has_answered: bool = False, what: str = "paid request"
    ) -> None:
        self.is_open: bool = True
        self.may_try: bool = True
        self.is_busy: bool = False
        self.changes: int = 0
        self._policy = policy
        self._trials = trials
        self._what = what
        self._has_answered = has_answered
        self._is_half_open = False
        self._in_trouble: dict[str, float] = {}
        self._last_trouble: EvolinkError | None = None
        self._troubled_at = -math.inf
        self._began: float | None = None
        self._closed_until = 0.0
        self._tries = 0
        self._accepted_in_a_row = 0
        self._doubts = 0
        self._unanswered_probes = 0
        self._accepted_sent_at = -math.inf
        self._last_met: EvolinkError | None = None
        self._since: float | None = None
        self._failed_tries = 0

    def retune(self, trials: int) -> None:
        """Change how many acceptances in a row end an outage."""
        self._trials = trials

    @property
    def troubled_at(self) -> float:
        """Monotonic seconds of the last trouble; minus infinity if there was none since the last acceptance."""
        return self._troubled_at if self._in_trouble else -math.inf

    @property
    def patience(self) -> float:
        """Seconds that jobs wait for the end of an outage."""
        return self._policy.patience if self._has_answered else min(self._policy.patience, STRANGER_PATIENCE)

    # --- what may be sent

    def move(self, now: float) -> Move:
        """Return what may be sent at `now` (monotonic seconds)."""
        if self.is_open:
            return Move.ANY
        if self.is_busy:
            return Move.NOTHING
        if self._is_half_open or now >= self._closed_until:
            return Move.ASK if not self.may_try else Move.TRIAL if self._is_half_open else Move.PROBE
        return Move.GIVE_UP if self._is_past_patience(now) else Move.NOTHING

    def changes_at(self, now: float) -> float:
        """Return when `move` changes by itself; infinity if it does not."""
        if self.is_open or self._is_half_open or self.is_busy:
            return math.inf
        ends = [self._closed_until] if self._began is None else [self._closed_until, self._began + self.patience]
        return min((end for end in ends if end > now), default=math.inf)

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing is accepted for now; None if nothing was tried since the last acceptance or judgement."""
        if self._since is None or self._last_met is None:
            return None
        began = self._since if self._began is None else self._began
        return Trouble(error=self._last_met, tries=max(self._failed_tries, 1), until=began + self.patience)

    def error(self, now: float) -> OutageError:
        """Return the error for a job that is not sent because the outage is past patience."""
        waited = 0.0 if self._began is None else now - self._began
        return OutageError(
            f"no {self._what} was accepted for {waited:.0f} s; last: {self._last_trouble}", trouble=self._last_trouble
        )

    # --- what was learned

    def began(self) -> None:
        """A probe or a trial begins."""
        self.is_busy = True

    def ended(self) -> None:
        """It has ended. A trial without an answer that counts, as a withdrawn one, hands its turn on."""
        self.is_busy = False

    def skip_probe(self) -> None:
        """A trial that is free takes the place of a probe."""
        self._is_half_open = True

    def probed(self, now: float, *, is_answered: bool) -> None:
        """A probe has ended; `is_answered` tells whether the service itself answered it."""
        self.is_busy = False
        if self.is_open:
            return
        self.changes += 1
        if is_answered:
            self._has_answered = self._is_half_open = True
            return
        self._unanswered_probes += 1
        self._failed_tries += 1
        self._is_half_open = self._unanswered_probes >= PROBES and not self._is_past_patience(now)
        self._close(now)

    def accepted(self, now: float, sent_at: float = math.inf) -> None:
        """The service accepted a request that was sent at `sent_at`: so it was well when that one arrived."""
        self._accepted_sent_at = max(self._accepted_sent_at, min(sent_at, now))
        # In good times nobody needs to know.
        self.changes += bool(self._in_trouble) or not self.is_open
        self._in_trouble = {key: at for key, at in self._in_trouble.items() if at > sent_at}
        self._has_answered = True
        self.judged()
        if self.is_open:
            return
        self._accepted_in_a_row += 1
        self._began = None if self._is_half_open else now
        if self._accepted_in_a_row >= self._trials:
            self._reopen()

    def answered(self) -> None:
        """The service itself answered, whatever it said."""
        self._has_answered = True

    def judged(self) -> None:
        """The service accepted a request, or refused it for good: so far nothing keeps it from answering."""
        self._since, self._failed_tries = None, 0

    def delayed(self, error: EvolinkError, now: float, *, has_ended: bool = True) -> None:
        """A request met what may pass, as a refusal for load; this alone is no sign of an outage.

        Args:
            error: What it met.
            now: Monotonic seconds.
            has_ended: Whether it has ended. One that is not answered for long is counted when it ends.
        """
        self._last_met = error
        self._since = now if self._since is None else self._since
        self._failed_tries += has_ended

    def troubled(
        self,
        key: str,
        error: EvolinkError,
        now: float,
        *,
        is_trial: bool,
        is_new_doubt: bool,
        asked: float | None,
        sent_at: float = 0.0,
    ) -> None:
        """A paid request was in trouble.

        Args:
            key: The job's.
            error: What came of it.
            now: Monotonic seconds.
            is_trial: Whether it was sent as a trial. Others were under way when the brake closed, and are no news.
            is_new_doubt: Whether it leaves open whether the job was paid for, for the first time.
            asked: Seconds of a `Retry-After`.
            sent_at: When it was sent.
        """
        self._last_trouble, self._troubled_at = error, now
        self._in_trouble[key] = sent_at
        self.delayed(error, now)
        if not is_trial and (not self.is_open or len(self._in_trouble) < JOBS_IN_TROUBLE):
            self.changes += self.is_open
            return
        self._doubts += is_trial and is_new_doubt
        self._stop(now)
        # A further doubt costs more than a later start.
        pause = self._policy.patience / 3.0 ** (DOUBTS - self._doubts) if is_trial and is_new_doubt else 0.0
        self._close(now, max(min(pause, LONGEST_PAUSE), min(asked or 0.0, self._policy.cap)))

    def _stop(self, now: float) -> None:
        self.changes += 1
        self._began = now if self._began is None else self._began
        self._accepted_in_a_row = self._unanswered_probes = 0
        self.is_open = self._is_half_open = False

    def _close(self, now: float, least: float = 0.0) -> None:
        pause = min(self._policy.base * 2.0 ** min(self._tries, 50), self._policy.cap)
        self._tries += 1
        self._closed_until = now + max(pause, least)

    def _is_past_patience(self, now: float) -> bool:
        return self._doubts >= DOUBTS or (self._began is not None and now - self._began >= self.patience)

    # --- what other processes learned

    def state(self, now: float) -> OutageState:
        """Return what other processes should know."""
        latest = sorted(self._in_trouble.items(), key=lambda one: one[1])[-MOST_IN_TROUBLE:]
        is_accepted = self._accepted_sent_at > -math.inf
        return OutageState(
            is_open=self.is_open,
            is_half_open=self._is_half_open,
            has_answered=self._has_answered,
            closed_for=self._closed_until - now,
            began_ago=None if self._began is None else now - self._began,
            tries=self._tries,
            doubts=self._doubts,
            accepted_in_a_row=self._accepted_in_a_row,
            unanswered_probes=self._unanswered_probes,
            in_trouble={key: now - at for key, at in latest},
            accepted_ago=now - self._accepted_sent_at if is_accepted else None,
            trouble=None if self._last_trouble is None else str(self._last_trouble).removesuffix(ELSEWHERE),
        )

    def heard(self, state: OutageState, now: float, *, has_news: bool) -> None:
        """Take over what another process has told.

        Args:
            state: What it told, as it is at `now`.
            now: Monotonic seconds.
            has_news: Whether this process has learned something that the others do not know yet. What calls for more
                caution stays then.
        """
        self._has_answered = self._has_answered or state.has_answered
        self._hear_of_jobs(state, now)
        if state.is_open and (self.is_open or not has_news):
            if not self.is_open:
                self._in_trouble = {key: now - ago for key, ago in state.in_trouble.items()}
                self.judged()
            self._reopen()
            if len(self._in_trouble) >= JOBS_IN_TROUBLE:
                # Each process knew of fewer.
                self._stop(now)
                self._close(now)
        elif not state.is_open:
            self._hear_of_outage(state, now, has_news=has_news and not self.is_open)

    def _hear_of_jobs(self, state: OutageState, now: float) -> None:
        # Also one that was sent in the same moment as the last: it may have come after a trouble between them.
        if state.accepted_ago is not None and now - state.accepted_ago >= self._accepted_sent_at:
            at = self._accepted_sent_at = now - state.accepted_ago
            self._in_trouble = {key: sent_at for key, sent_at in self._in_trouble.items() if sent_at > at}
        self._in_trouble |= {key: now - ago for key, ago in state.in_trouble.items() if key not in self._in_trouble}

    def _hear_of_outage(self, state: OutageState, now: float, *, has_news: bool) -> None:
        self.is_open, self._is_half_open = False, state.is_half_open and not (has_news and not self._is_half_open)
        self._closed_until = max(now + state.closed_for, self._closed_until if has_news else -math.inf)
        self._began = None if state.began_ago is None else now - state.began_ago
        self._tries, self._doubts = state.tries, max(state.doubts, self._doubts if has_news else 0)
        self._accepted_in_a_row, self._unanswered_probes = state.accepted_in_a_row, state.unanswered_probes
        if state.trouble is not None and (self._last_trouble is None or not has_news):
            self._last_trouble = TransportError(f"{state.trouble}{ELSEWHERE}", kind="submit")
            self.delayed(self._last_trouble, now, has_ended=False)

    def _reopen(self) -> None:
        self.is_open, self._is_half_open, self._began = True, False, None
        self._tries = self._doubts = self._accepted_in_a_row = 0
