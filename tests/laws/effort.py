"""How many examples a law tries: few in every run, twenty times as many with `--hypothesis-profile=soak`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def effort(share: float = 1.0) -> settings:
    """Settings with a share of the examples of the active profile; drawing may be slow."""
    profile = settings.default
    assert profile is not None
    count = max(1, round(profile.max_examples * share))
    return settings(max_examples=count, suppress_health_check=SLOW)


def machine_effort(share: float) -> settings:
    """The same for state machines of up to 40 steps."""
    return settings(effort(share), stateful_step_count=40)
