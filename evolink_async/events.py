"""What has happened so far, in figures, for operators and progress displays.

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
        looks: Status requests sent.
        faults: Requests that brought no usable answer, 429 and 5xx included.
        credits_reserved: Credits held for the tasks being watched, now.
        credits_used: Credits charged for completed tasks, as far as the service said.
        requests: HTTP calls open, now.
        requests_peak: Most HTTP calls open at once.
        in_flight_peak: Most jobs alive at the service at once.
    """

    waiting: int = 0
    submitting: int = 0
    in_flight: int = 0
    completed: int = 0
    failed: int = 0
    unknown: int = 0
    submits: int = 0
    looks: int = 0
    faults: int = 0
    credits_reserved: float = 0.0
    credits_used: float = 0.0
    requests: int = 0
    requests_peak: int = 0
    in_flight_peak: int = 0
