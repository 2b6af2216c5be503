"""The commands that read a journal, and ask the service nothing: `jobs`, `outcomes`, `doubts`, `settle`.

The work of each is in `commands`, which is imported when it is called: `--help` stays quick. An option that commands
share has its help text in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

from pathlib import Path

from ...jobs import JobState
from ..inputs.option_types import Flag
from ..output.terminal import Terminal


def doubts(journal: Path, /) -> int:
    """Show the jobs of a journal that may have been paid for, and what to look for. In a pipe: JSON.

    Needs no key and no network. Exit code 3 if there are any.

    Args:
        journal: The journal file, as films/jobs.journal.db; a run may be using it.
    """
    from ..commands.doubts import doubts as run_command

    return run_command(journal, Terminal.here())


def settle(journal: Path, key: str, how: str, /) -> int:
    """Resolve the doubt of one job, after a look in the dashboard. Needs no key and no network.

    Args:
        journal: The journal file; no run may be using it.
        key: The custom_id of the job.
        how: The id of its task, if there is one; resubmit, if there is none; or abandon.
    """
    from ..commands.settle import settle as run_command

    return run_command(journal, key, how, Terminal.here())


def jobs(journal: Path, /, *, state: JobState | None = None) -> int:
    """List the jobs of a journal and where each stands. In a pipe: JSON.

    Needs no key and no network.

    Args:
        journal: The journal file, as films/jobs.journal.db; a run may be using it.
        state: Only the jobs in this state.
    """
    from ..commands.jobs import jobs as run_command

    return run_command(journal, state, Terminal.here())


def outcomes(journal: Path, /, *, follow: Flag = False) -> int:
    """Write how the jobs of a journal ended, as JSON, an object a line, in the order of their ends.

    The fields are those of run. Needs no key and no network, and changes nothing in the journal.

    Args:
        journal: The journal file, as films/jobs.journal.db; a run may be using it.
        follow: Then wait for further ends, which a run writes to the journal, until Ctrl-C.
    """
    from ..commands.outcomes import outcomes as run_command

    return run_command(journal, Terminal.here(), follow=follow)
