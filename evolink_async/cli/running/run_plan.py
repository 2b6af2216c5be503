"""What a run is given: the jobs and how to run them.

How the run ends is in `run_result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from ...jobs import Job


@attrs.frozen(kw_only=True)
class RunPlan:
    """The jobs of one run and where their videos go.

    Attributes:
        jobs: Valid jobs with distinct keys.
        folder: Folder for the videos; None saves none.
        timeout: Seconds a task may take; None for no limit.
        journal: The journal file, to be named in messages; None if the run keeps none.
        line_numbers: Line of each job in its file, by key; empty if the jobs come from no file.
        tasks_outlive_run: Whether accepted tasks go on after the command; those of an embedded emulator do not.
        name: Template for the videos' names; None for the job's key.
        retry_failed: Whether jobs are bought anew whose tasks failed in an earlier run of the journal.
    """

    jobs: tuple[Job, ...]
    folder: Path | None
    timeout: float | None = None
    journal: Path | None = None
    line_numbers: Mapping[str, int] = attrs.field(factory=dict[str, int])
    tasks_outlive_run: bool = True
    name: str | None = None
    retry_failed: bool = False
