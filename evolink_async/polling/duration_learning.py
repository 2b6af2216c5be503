"""What finished tasks teach about durations: weighted histograms, and the detection of a lasting change.

Plain arithmetic: no clock, no random numbers. Where polls are placed is in `finish_probability` and `schedule`.
"""

from __future__ import annotations

import math
from functools import lru_cache

from .duration_bins import BINS, bin_of
from .finish_probability import ESTIMATE_BINS, HazardModel, prior

# Reaches of 1 and of 4 are worse while there are few tasks.
CLASS_REACH = 2
"""Bins on either side over which the duration of a task counts in its own class."""
# Another quality or length takes another time, so a family's durations are spread wider: 8 bins are 40 %.
FAMILY_REACH = 8
"""Bins on either side over which the duration of a task counts in its family."""
# Durations of the service drift slowly.
MEMORY = 150
"""Tasks that a histogram remembers: each new task makes the earlier ones count less."""
RESCALE_ABOVE = 1e9
"""Weight of one task at which all weights are divided, before floats lose digits."""

RECENT = 8
"""Latest tasks that are compared with the histogram."""
DRIFT_THRESHOLD = 6.0
"""Sum of log ratios at which a change counts as lasting: reached after about six tasks."""
# Without it a single outlier in an empty bin would pass the threshold.
OUTLIER_SHARE = 0.01
"""Share of tasks that is assumed to end in any bin."""

PRIOR_WEIGHT = 3.0
"""Finished tasks that the service's estimate counts as."""
FAMILY_WEIGHT = 3.0
"""Finished tasks that all other tasks of the family count as, at most."""
HALF_FADED = 4.0
"""Finished tasks of a class that halve the weight of its family and of the estimate."""
# With so many tasks of its own, the family hardly changes the model, and building one is the expensive step.
OWN_TASKS_SUFFICE = 20
"""Finished tasks of a class after which new durations of the family alone build no new hazard model."""
# A model takes 0.2 ms, half as much as submitting a job. After 20 tasks, one more changes little.
LATEST_SHARE = 20
"""A hazard model may lack the latest tasks, up to one in so many."""


class Histogram:
    """Durations of finished tasks, the newer ones with more weight.

    Each new task weighs more than the one before. Reducing all old weights instead would touch every bin for every
    task; this way `add` takes a microsecond or two.

    Args:
        reach: Bins on either side over which a duration counts.
    """

    __slots__ = ("_counts", "_reach", "_total", "_weight", "seen")

    def __init__(self, reach: int = CLASS_REACH) -> None:
        self._reach = reach
        self._counts = [0.0] * BINS
        self._total = 0.0
        self._weight = 1.0
        self.seen: int = 0

    @property
    def tasks(self) -> float:
        """Number of tasks that it stands for; at most `MEMORY`."""
        return self._total / self._weight

    def add(self, index: int) -> None:
        """Count a task that ended in bin `index`."""
        self._weight *= MEMORY / (MEMORY - 1)
        for near, share in _shares(self._reach, index):
            self._counts[near] += share * self._weight
        self._total += self._weight
        self.seen += 1
        if self._weight > RESCALE_ABOVE:
            self._counts = [count / RESCALE_ABOVE for count in self._counts]
            self._total, self._weight = self._total / RESCALE_ABOVE, self._weight / RESCALE_ABOVE

    def share(self, index: int) -> float:
        """Return the share of the tasks that ended in bin `index`."""
        return self._counts[index] / (self._total or 1.0)

    def mass(self, tasks: float) -> list[float]:
        """Return the share of every bin, times `tasks`."""
        scale = tasks / (self._total or 1.0)
        return [count * scale for count in self._counts]


class DriftDetector:
    """Detects that durations have changed for good: the latest few tasks predict the next one better than all do.

    It is a CUSUM test: it sums log ratios and never falls below 0, so one outlier does not trigger it and a run of
    them does.

    Attributes:
        latest: The bins of the latest tasks, the oldest first.
    """

    __slots__ = ("_score", "latest")

    def __init__(self) -> None:
        self.latest: list[int] = []
        self._score = 0.0

    def add(self, index: int, expected: float) -> bool:
        """Record a task; return True when all tasks but `latest` are outdated.

        Args:
            index: The bin in which the task ended.
            expected: The share that the histogram predicted for this bin.
        """
        if self.latest:
            recent = sum(_triangle(CLASS_REACH, index - other) for other in self.latest) / len(self.latest)
            self._score = max(0.0, self._score + math.log((recent + OUTLIER_SHARE) / (expected + OUTLIER_SHARE)))
        self.latest = [*self.latest[1 - RECENT :], index]
        if self._score < DRIFT_THRESHOLD:
            return False
        self._score = 0.0
        return True


class LearnedDurations:
    """What is known of one duration class, with a hazard model for each estimate.

    At most 57 models are kept; all are dropped when the class has learned something new.

    Args:
        family: Durations of all classes of the same model; None for a class without a family.
    """

    __slots__ = ("_drift", "_family", "_family_seen", "_models", "_own", "_stale_at", "_taught")

    def __init__(self, family: Histogram | None) -> None:
        self._own = Histogram()
        self._family = family
        self._drift = DriftDetector()
        self._taught = 0
        self._stale_at = 0
        self._family_seen = 0
        self._models: dict[int, HazardModel] = {}

    def add(self, duration: float) -> None:
        """Learn the duration of a finished task, in seconds."""
        index = bin_of(duration)
        if self._drift.add(index, self._own.share(index)):
            self._own, self._stale_at = Histogram(), 0
            for earlier in self._drift.latest[:-1]:
                self._own.add(earlier)
        self._own.add(index)
        self._taught += 1
        if self._family is not None:
            self._family.add(index)
        if self._own.seen >= self._stale_at:
            self._stale_at = self._own.seen + max(min(self._own.seen, MEMORY) // LATEST_SHARE, 1)
            self._models.clear()

    def hazard_model(self, estimated: float) -> HazardModel:
        """Return the model for tasks that the service estimates at `estimated` seconds."""
        if self._family is not None and self._family_seen != self._family.seen and self._own.seen < OWN_TASKS_SUFFICE:
            self._family_seen = self._family.seen
            self._models.clear()
        estimate = _estimate_of(estimated)
        found = self._models.get(estimate)
        if found is None:
            found = self._models[estimate] = HazardModel(self._mass(estimate))
        return found

    def _mass(self, estimate: int) -> list[float]:
        """Mix the tasks of the class with its family and the estimate, which count less the more tasks there are."""
        own, family = self._own, self._family or Histogram()
        fading = 1 / (1 + own.tasks / HALF_FADED)
        # The family counts the tasks of this class too: without others there is nothing to add.
        others = family.mass(min(family.seen - self._taught, FAMILY_WEIGHT) * fading)
        bins = zip(own.mass(own.tasks), others, prior(estimate), strict=True)
        # Family and estimate must fade: sqrt(hazard) gives rare durations more polls than their share.
        return [mine + theirs + PRIOR_WEIGHT * fading * wide for mine, theirs, wide in bins]


def _triangle(reach: int, offset: int) -> float:
    """Return how much of a duration counts `offset` bins away; the sum over all offsets is 1."""
    return max(reach + 1 - abs(offset), 0) / (reach + 1) ** 2


# All tasks of a class tend to have the same estimate, and each poll of each needs it.
@lru_cache
def _estimate_of(seconds: float) -> int:
    return bin_of(seconds) // ESTIMATE_BINS


@lru_cache(maxsize=2 * BINS)
def _shares(reach: int, index: int) -> tuple[tuple[int, float], ...]:
    """Return the bins that a duration counts in, and how much in each; bins beyond an end count as the last there."""
    offsets = range(-reach, reach + 1)
    return tuple((min(max(index + offset, 0), BINS - 1), _triangle(reach, offset)) for offset in offsets)
