"""The page about observers keeps its word: its sample with the SDK runs, and its tables name what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from evolink_async.emulator import Emulator
from tests.telemetry.history import everything, one_job

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "observe.md").read_text(encoding="utf-8")


def cells(heading: str) -> set[str]:
    """What stands in code in the first column of the table under a heading row."""
    [table] = [part for part in PAGE.split("\n\n") if part.startswith(f"| {heading} |")]
    return set(re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE))


def test_the_sample_with_the_sdk_runs(tmp_path):
    """As a program of its own, on an emulator; it prints the job's key and its spans."""
    [sample] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    quick = "pool_of = ev.SessionPool\nimport tests.kit as kit\n"
    quick += "ev.SessionPool = lambda **given: pool_of(cadence=kit.FAST, retry=kit.PATIENT, **given)\n"
    program = sample.replace("\nshots = ", f"\n{quick}\nshots = ")
    with Emulator(speed=1000).in_thread() as emulator:
        environment = {"EVOLINK_API_KEY": "sk-emulator", "EVOLINK_BASE_URL": emulator.base_url}
        command = [sys.executable, "-c", program]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 0, ended.stderr
    assert all(f'"name": "{name}"' in ended.stdout for name in ("films", "evolink.job", "evolink.submit"))


def test_the_table_of_spans_is_whole(traced):
    """Those that it names are those that are made."""
    assert cells("Span") == {span.name for span in traced.observe(*one_job())}


def test_the_table_of_figures_is_whole(traced):
    """As above."""
    traced.observe(*everything())
    assert cells("Name") == set(traced.figures())


def test_every_attribute_that_the_page_names_is_there(traced):
    """It names the important ones."""
    seen = {name for span in traced.observe(*one_job()) for name in span.attributes}
    told = set(re.findall(r"`(evolink\.[\w.]+)`", PAGE.partition("### Metrics")[0]))
    assert told - {span.name for span in traced.spans} <= seen
