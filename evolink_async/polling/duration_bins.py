"""The bins that durations are counted in: equal steps of the logarithm, from 1 second to 24 hours.

What is counted is in `duration_learning`; what the counts mean for polls is in `finish_probability`.
"""

from __future__ import annotations

import math

# A bin of 10 % would cost 5 % of the schedule's efficiency where durations hardly vary.
STEP = 0.05
"""Width of a bin in the natural logarithm of seconds: about 5 % of a duration."""
BINS = 228
"""Number of bins: e ** (228 * 0.05) seconds are 24 hours."""
EDGES = tuple(math.exp(index * STEP) for index in range(BINS + 1))
"""Seconds at which the bins begin, and the end of the last one."""
WIDTHS = tuple(EDGES[index + 1] - EDGES[index] for index in range(BINS))
"""Width of each bin in seconds."""


def bin_of(duration: float) -> int:
    """Return the bin of a duration in seconds; the first or last bin if it lies outside or is not a number."""
    return position_of(duration)[0]


def position_of(time: float) -> tuple[int, float]:
    """Return the bin of a time in seconds, and the share of the bin that lies before it.

    A time below 1 s counts as the start of the first bin, a time above 24 h as the end of the last one.
    """
    # The order of the arguments matters: max(1.0, nan) is 1.0, max(nan, 1.0) is nan.
    position = math.log(min(max(1.0, time), EDGES[BINS])) / STEP
    index = min(int(position), BINS - 1)
    return index, position - index
