"""The package as it is imported: lazily, two names, and a clear word when OpenTelemetry is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evolink_async import telemetry
from evolink_async.version import how_to_install

NO_OPENTELEMETRY = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from evolink_async.telemetry import LogObserver
LogObserver()
try:
    from evolink_async.telemetry import OtelObserver
except Exception as error:
    print(type(error).__name__, error)
"""


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_names_are_exact():
    """Two observers, both listed and both there; anything else is an AttributeError."""
    assert telemetry.__all__ == ("LogObserver", "OtelObserver")
    assert set(telemetry.__all__) <= set(dir(telemetry))
    assert all(getattr(telemetry, name).__name__ == name for name in telemetry.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        telemetry.Nothing  # noqa: B018


def test_who_wants_a_log_needs_no_opentelemetry():
    """Neither importing the package nor using LogObserver imports it."""
    code = "import sys; from evolink_async.telemetry import LogObserver; LogObserver(); print(*sys.modules)"
    assert not [name for name in run(code).split() if name.startswith("opentelemetry")]


def test_a_missing_package_is_told_with_the_command_that_installs_it():
    """As a ConfigurationError, where OtelObserver is imported; LogObserver works on."""
    told = run(NO_OPENTELEMETRY)
    assert told.startswith("ConfigurationError ")
    assert how_to_install("otel") in told
