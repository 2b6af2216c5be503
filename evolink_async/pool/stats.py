"""The figures of a pool at one moment.

They are counted by the parts and gathered in `engine`.
"""

from __future__ import annotations

import attrs

from ..client import Trouble


@attrs.frozen(kw_only=True)
class Stats:
    """The figures of a pool at one moment. Counts begin when the pool is opened, unless marked "now".

    Attributes:
        waiting: Jobs read from the input and not yet submitted, now.
        submitting: Submits under way, now.
        in_flight: Tasks being watched, now.
        completed: Jobs that ended with a result, those of earlier runs that the journal returned included.
        failed: Jobs that ended without a result, those of earlier runs and those that were not sent included.
        unknown: Submits in doubt; each needs a decision.
        submits: Submit requests sent, retries included.
        looks: Polls: a status request for 50 tasks counts as 50.
        status_requests: Status requests sent.
        faults: Requests without a usable answer, 429 and 5xx included.
        unrecorded: Steps of jobs, after a submit, that the journal could not write. A later run may find such a job in
            doubt though its outcome was told. The task ids are in the log.
        refused_for_load: Requests answered with 429. A 503 is not counted.
        lag_p50: Median of the seconds between the last poll that said "not yet" and the one that said "done", to 5 %. A
            result waited at most this long unnoticed. Of a task whose callback came, the seconds since the callback.
            None before the first task ended.
        lag_p95: The 95th percentile of the same.
        pressure: The factor by which polls are spread out to keep `Cadence.polls_per_second`, now; 1 without need.
        submits_limit: The adaptive limit of submits at once, now; at most `Limits.submits`.
        credits_reserved: Credits reserved for the tasks being watched, now.
        credits_used: Credits charged for completed tasks, as far as the service named them.
        credits_left: Credits of the budget that are neither spent nor held, now. Below 0 if the first job of a price
            class cost more than there was. This one and the next two are None without a `Budget`.
        credits_held: Credits that the budget holds, now: for tasks under way, for jobs in doubt, and for completed ones
            whose price was not named, over all runs of the journal.
        credits_spent: Credits that were charged, over all runs of the journal. With the other two they are
            `Budget.credits`.
        requests: HTTP calls to the API under way, now.
        requests_peak: The most HTTP calls at once.
        in_flight_peak: The most jobs of runs alive at the service at once.
        uploading: Local files being uploaded, now.
        downloading: Results being downloaded, now.
        seconds_left: Seconds until 19 of 20 tasks being watched have ended, by the durations that were learned and
            the service's estimates, now. None if none is watched.
        seconds_each: Median duration of such a task, in seconds, by the same.
        trouble: Why no job or no local file is accepted, now, and until when that is tried; None without such trouble.
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
    unrecorded: int = 0
    refused_for_load: int = 0
    lag_p50: float | None = None
    lag_p95: float | None = None
    pressure: float = 1.0
    submits_limit: int = 0
    credits_reserved: float = 0.0
    credits_used: float = 0.0
    credits_left: float | None = None
    credits_held: float | None = None
    credits_spent: float | None = None
    requests: int = 0
    requests_peak: int = 0
    in_flight_peak: int = 0
    uploading: int = 0
    downloading: int = 0
    seconds_left: float | None = None
    seconds_each: float | None = None
    trouble: Trouble | None = None

    @property
    def looks_per_task(self) -> float | None:
        """Polls for each job that ended, polls of unfinished tasks included; None before the first end.

        Jobs that were not sent, and jobs whose end the journal returned, count as ended without a poll.
        """
        ended = self.completed + self.failed
        return self.looks / ended if ended else None

    @property
    def refused_share(self) -> float:
        """The share of requests that were answered with 429, 0 to 1."""
        return self.refused_for_load / max(self.submits + self.status_requests, 1)
