"""When to look next: learned from the tasks that finished, and never blind.

No clock and no dice, times are arguments; nor any arithmetic of chances, which is in `hazard`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import cast

from ..settings import Cadence
from .duration_learning import ESTIMATE_BINS, DriftDetector, HazardModel, Histogram, bin_of, prior

ROW_SHARE = 0.1
"""What a row costs of a look's price, however many share the request: the service asks its provider for each."""
PRIOR_WEIGHT = 3.0
"""Finished tasks that the estimate counts like."""
FAMILY_WEIGHT = 3.0
"""Finished tasks that all the others of a model count like, at most."""
FAMILY_REACH = 8
"""Bins of 5 % over which they are spread: another quality takes another time."""
ENOUGH = 4.0
"""Finished tasks of a shape that halve the weight of its family and estimate."""
TAUGHT = 20
"""Finished tasks of a shape after which news of its family alone is not worth a new plan."""
DEFAULT_ESTIMATE = 120.0
"""Seconds; what the vendor's pages show."""


class Schedule:
    """Says when to look at a task next, and learns from how long tasks took.

    A shape is what tasks that take about as long have in common. The first item of a tuple, such as the model in
    (model, quality, seconds), names its family: a shape little seen starts from what its family took.

    Args:
        cadence: The user's bounds: `first_look`, `min_interval`, `max_interval` and `look_price`.
        durations: Shape and seconds of tasks that finished in earlier runs, the oldest first.
    """

    def __init__(self, cadence: Cadence, durations: Iterable[tuple[Hashable, float]] = ()) -> None:
        self._cadence = cadence
        self._need = math.sqrt(2 * cadence.look_price)
        self._classes: dict[Hashable, _DurationClass] = {}
        self._families: dict[Hashable, Histogram] = {}
        for shape, duration in durations:
            self.observe(shape, duration)

    def observe(self, shape: Hashable, duration: float) -> None:
        """Learn that a task of this shape took `duration` seconds; what is no number of seconds teaches nothing.

        Pass the middle of the interval in which it ended, (last "not yet" + first "done") / 2: the time of detection
        alone would teach the schedule its own delay.
        """
        if 0 <= duration < math.inf:
            self._known(shape).add(duration)

    def next_look(
        self,
        shape: Hashable,
        elapsed: float,
        estimated: float | None = None,
        progress: float | None = None,
        pressure: float = 1.0,
        fill: float = 1.0,
    ) -> float:
        """Seconds from now until the next look.

        Args:
            shape: What kind of task, as model, quality and seconds.
            elapsed: Seconds since the task was accepted.
            estimated: The service's estimate of the whole time, in seconds.
            progress: Percent done, when it moved since the last look; what does not move says nothing new.
            pressure: 1 when looks are affordable; more spreads them out.
            fill: How many tasks, from 1, share the request that carries the look: the more, the cheaper, so the sooner.

        Returns:
            At least `min_interval`; at most `max_interval` times `pressure`, or what is left until `first_look`, or a
            tenth of the elapsed time, whichever is longest.
        """
        cadence = self._cadence
        hazard_model = (self._classes.get(shape) or self._known(shape)).hazard_model(estimated or DEFAULT_ESTIMATE)
        need = pressure * self._need * math.sqrt(ROW_SHARE + (1 - ROW_SHARE) / max(fill, 1.0))
        if progress is not None and 3 <= progress <= 99:
            due = hazard_model.reach_with(elapsed, need, progress)
        else:
            due = hazard_model.reach(elapsed, need)
        longest = max(cadence.max_interval * pressure, cadence.first_look - elapsed, 0.1 * elapsed)
        return min(max(due - elapsed, cadence.min_interval), longest)

    def _known(self, shape: Hashable) -> _DurationClass:
        known = self._classes.get(shape)
        if known is None:
            family: Histogram | None = None
            if isinstance(shape, tuple) and shape:
                family = self._families.setdefault(cast("tuple[Hashable, ...]", shape)[0], Histogram(FAMILY_REACH))
            known = self._classes[shape] = _DurationClass(family)
        return known


class _DurationClass:
    """What is known of one shape, and its outlook for each estimate: at most 57 of them, dropped as it learns."""

    __slots__ = ("_drift", "_family", "_models", "_own", "_taught", "_up_to")

    def __init__(self, family: Histogram | None) -> None:
        self._own = Histogram()
        self._family = family
        self._drift = DriftDetector()
        self._taught = self._up_to = 0
        self._models: dict[int, HazardModel] = {}

    def add(self, duration: float) -> None:
        place = bin_of(duration)
        if self._drift.notice(place, self._own.share(place)):
            self._own = Histogram()
            for earlier in self._drift.last[:-1]:
                self._own.add(earlier)
        self._own.add(place)
        self._taught += 1
        if self._family is not None:
            self._family.add(place)
        self._models.clear()

    def hazard_model(self, estimated: float) -> HazardModel:
        if self._family is not None and self._up_to != self._family.seen and self._own.seen < TAUGHT:
            self._up_to = self._family.seen
            self._models.clear()
        estimate = bin_of(estimated) // ESTIMATE_BINS
        found = self._models.get(estimate)
        if found is None:
            found = self._models[estimate] = HazardModel(self._mass(estimate))
        return found

    def _mass(self, estimate: int) -> list[float]:
        """Its own tasks, and the less of family and estimate the more there are: sqrt makes much of what is rare."""
        own, family = self._own, self._family or Histogram()
        fading = 1 / (1 + own.tasks / ENOUGH)
        others = family.mass(min(family.seen - self._taught, FAMILY_WEIGHT) * fading)
        parts = zip(own.mass(own.tasks), others, prior(estimate), strict=True)
        return [mine + theirs + PRIOR_WEIGHT * fading * wide for mine, theirs, wide in parts]
