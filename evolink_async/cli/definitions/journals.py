"""The commands about a journal, which ask the service nothing: `jobs`, `report`, `doubts`, `settle` and others.

The work of each is in `commands`, which is imported when it is called: `--help` stays quick. An option that commands
share has its help text in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ...jobs import JobState
from ..inputs.option_types import Flag, Name, OwnPath, Port
from ..output.terminal import Terminal


def doubts(journal: Name, /) -> int:
    """Show the jobs of a journal that may have been paid for, and what to look for. In a pipe: JSON.

    Needs no key and no network. Exit code 3 if there are any.

    Args:
        journal: The journal file, as films/jobs.journal.db, or postgresql://HOST/DATABASE; a run may be using it.
    """
    from ..commands.doubts import doubts as run_command

    return run_command(journal, Terminal.here())


def settle(journal: Name, key: Name, how: Name, /) -> int:
    """Resolve the doubt of one job, after a look in the dashboard. Needs no key and no network.

    Args:
        journal: The journal file, which no run may be using; or postgresql://HOST/DATABASE.
        key: The custom_id of the job.
        how: The id of its task, if there is one; resubmit, if there is none; or abandon.
    """
    from ..commands.settle import settle as run_command

    return run_command(journal, key, how, Terminal.here())


def jobs(journal: Name, /, *, state: JobState | None = None) -> int:
    """List the jobs of a journal and where each stands. In a pipe: JSON.

    Needs no key and no network.

    Args:
        journal: The journal file, as films/jobs.journal.db, or postgresql://HOST/DATABASE; a run may be using it.
        state: Only the jobs in this state.
    """
    from ..commands.jobs import jobs as run_command

    return run_command(journal, state, Terminal.here())


def outcomes(journal: Name, /, *, follow: Flag = False) -> int:
    """Write how the jobs of a journal ended, as JSON, an object a line, in the order of their ends.

    The fields are those of run. Needs no key and no network, and changes nothing in the journal.

    Args:
        journal: The journal file, as films/jobs.journal.db, or postgresql://HOST/DATABASE; a run may be using it.
        follow: Then wait for further ends, which a run writes to the journal, until Ctrl-C.
    """
    from ..commands.outcomes import outcomes as run_command

    return run_command(journal, Terminal.here(), follow=follow)


def report(journal: Name, /, *, out: Annotated[OwnPath | None, Parameter(name=["--out", "-o"])] = None) -> int:
    """Write a page with the films of a journal, their costs and times, what failed and why, and what is in doubt.

    It is one HTML file that needs no other host. Needs no key and no network; needs the extra `report`.

    Args:
        journal: The journal file, as films/jobs.journal.db, or postgresql://HOST/DATABASE; a run may be using it.
        out: The file; only such a page is replaced. Default: index.html beside the journal file.
    """
    from ..commands.report import report as run_command

    return run_command(journal, out, Terminal.here())


def dashboard(journal: Name, /, *, port: Port = 0) -> int:
    """Show the page of a journal, and what changes in it, in a browser on this computer, until Ctrl-C.

    The page can settle jobs in doubt; those of a file, while no run uses it. Needs no key; needs the extra `report`.

    Args:
        journal: The journal file, as films/jobs.journal.db, or postgresql://HOST/DATABASE; a run may be using it.
        port: Port of 127.0.0.1; 0 takes a free one.
    """
    from ..commands.dashboard import dashboard as run_command

    return run_command(journal, port, Terminal.here())


def prune(journal: Name, /, *, older: Name, untold: Flag = False, dry_run: Flag = False) -> int:
    """Remove jobs that ended long ago. What they cost stays counted. Needs no key and no network.

    A removed job is forgotten: run again, it is bought again. Jobs that are planned, under way or in doubt always stay.

    Args:
        journal: The journal file, which no run may be using; or postgresql://HOST/DATABASE, at any time.
        older: Remove jobs that ended longer ago: hours, days or weeks, as 30d.
        untold: Also jobs whose ends no pool.outcomes() has told, as those of `run`.
        dry_run: Only count; nothing is changed.
    """
    from ..commands.prune import prune as run_command

    return run_command(journal, older, Terminal.here(), untold=untold, dry_run=dry_run)
