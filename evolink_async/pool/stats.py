"""A pool's figures at one moment, and how the share of tasks beyond a figure is told without keeping them all.

Counting is the pool's business; this is only what it shows.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Stats:
    """A pool's figures at one moment. All counts are since the pool was opened unless said otherwise.

    Attributes:
        waiting: Jobs read from the input and not yet submitted, now.
        submitting: Submits on their way, now.
        in_flight: Tasks being watched, now.
        completed: Tasks seen to end with a result.
        failed: Jobs that ended without one.
        unknown: Submits that may have been accepted; each needs a decision.
        submits: Submit requests sent, retries included.
        looks: Times a task was looked at; a batch read is one request and many looks.
        status_requests: Status requests sent.
        faults: Requests that brought no usable answer, 429 and 5xx included.
        refused_for_load: Requests answered with 429.
        lag_p50: Seconds between the last look that said "not yet" and the one that said "done", for half of the
            tasks at most; to 5 percent. The most that videos have been waiting unnoticed. None before the first.
        lag_p95: The same for 95 of 100 tasks.
        pressure: How much further apart looks stand than they would if `Cadence.polls_per_second` allowed it, now; 1
            when it does.
        submits_limit: Submits at once that the service seems to bear, now; `Limits.submits` at most.
        credits_reserved: Credits held for the tasks being watched, now.
        credits_used: Credits charged for completed tasks, as far as the service said.
        requests: HTTP calls open, now.
        requests_peak: Most HTTP calls open at once.
        in_flight_peak: Most jobs alive at the service at once.
        uploading: Local files on their way to the service, now.
        downloading: Results on their way to the disk, now.
    """

    waiting: int = 0
    submitting: int = 0
    in_flight: int = 0
    completed: int = 0
    failed: int = 0
    unknown: int = 0
    submits: int = 0
    looks: int = 0
    status_requests: int = 0
    faults: int = 0
    refused_for_load: int = 0
    lag_p50: float | None = None
    lag_p95: float | None = None
    pressure: float = 1.0
    submits_limit: int = 0
    credits_reserved: float = 0.0
    credits_used: float = 0.0
    requests: int = 0
    requests_peak: int = 0
    in_flight_peak: int = 0
    uploading: int = 0
    downloading: int = 0

    @property
    def looks_per_task(self) -> float | None:
        """Looks for each task seen to end, those at tasks still going included; None before the first."""
        ended = self.completed + self.failed
        return self.looks / ended if ended else None

    @property
    def refused_share(self) -> float:
        """Share of requests answered with 429."""
        return self.refused_for_load / max(self.submits + self.status_requests, 1)
