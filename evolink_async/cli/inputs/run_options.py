"""The options of `run`, each defined once.

Options that it shares with other commands have their types in `option_types`; those about the service are in `service`.
"""

from __future__ import annotations

from pathlib import Path

import attrs
from cyclopts import Parameter

from ...errors import ConfigurationError
from ...settings import Budget
from .jobs_file import journal_beside
from .local_emulator import EMULATOR_SPEED
from .option_types import Flag, JournalFile, OwnPath, Port, Positive, Speed
from .service import Service


# cyclopts makes an option of each field, and its help text of the line under "Attributes".
@Parameter(name="*")
@attrs.frozen(kw_only=True)
class RunOptions:
    """The options of `run`.

    Attributes:
        out: Folder for the videos; nothing in it is overwritten.
        name: Names of the videos, as "{model}-{key}{ext}"; fields: {key}, {index}, {task_id}, {model}, {ext}.
        emulator: Use a local emulator instead of EvoLink: no key, no cost.
        speed: Speed of the emulator; None for 20.
        results: Append one JSON object per job to this file.
        journal: Journal file. Default: NAME.journal.db beside the videos for NAME.jsonl; none with --emulator.
        no_journal: Keep no journal: the same command again buys everything anew.
        retry_failed: Buy jobs anew, once, whose tasks failed in an earlier run of the journal, for whatever reason.
        budget: Most credits to spend, over all runs of the journal; the first job of each kind may exceed it.
        most_per_job: Credits held for a job of unknown price; with it no first job exceeds the budget.
        dashboard: Show the run in a browser on this computer while it goes on; needs the extra `report`.
        dashboard_port: Port of that page. Default: a free one.
        timeout: Seconds a task may take before it is given up; it goes on at the service.
        service: How the service is reached and used.
    """

    out: OwnPath
    name: str | None = None
    emulator: Flag = False
    speed: Speed | None = None
    results: OwnPath | None = None
    journal: JournalFile | None = None
    no_journal: Flag = False
    retry_failed: Flag = False
    budget: Positive | None = None
    most_per_job: Positive | None = None
    dashboard: Flag = False
    dashboard_port: Port | None = None
    timeout: Positive | None = None
    service: Service = attrs.field(factory=Service)

    def emulator_speed(self) -> float | None:
        """Return the speed of the local emulator; None for no emulator.

        Raises:
            ConfigurationError: `speed` is set without `emulator`.
        """
        if self.speed is not None and not self.emulator:
            raise ConfigurationError("--speed needs --emulator")
        return (self.speed or EMULATOR_SPEED) if self.emulator else None

    def page_port(self) -> int | None:
        """Return the port of the live page, 0 for a free one; None for no live page.

        Raises:
            ConfigurationError: `dashboard_port` is set without `dashboard`.
        """
        if self.dashboard_port is not None and not self.dashboard:
            raise ConfigurationError("--dashboard-port needs --dashboard")
        return (self.dashboard_port or 0) if self.dashboard else None

    def spending_limit(self) -> Budget | None:
        """Return the budget to keep to; None for no limit.

        Raises:
            ConfigurationError: `most_per_job` is set without a budget.
        """
        if self.budget is None:
            if self.most_per_job is not None:
                raise ConfigurationError("--most-per-job needs a --budget")
            return None
        return Budget(credits=self.budget, most_per_job=self.most_per_job)

    def journal_file(self, jobs: str) -> Path | None:
        """Return the journal file to use; None for no journal.

        Args:
            jobs: The jobs file, "-" for standard input.

        Raises:
            ConfigurationError: Both `journal` and `no_journal` are set.
        """
        if self.journal is not None and self.no_journal:
            raise ConfigurationError("--journal and --no-journal exclude each other")
        # The embedded emulator forgets its tasks when the command ends, so a later run could not go on.
        if self.journal is None and not self.no_journal and not self.emulator:
            return journal_beside(jobs, self.out)
        return self.journal
