"""The commands for many workers over one journal in PostgreSQL: `enqueue` and `worker`.

The work of each is in `commands`, which is imported when it is called: `--help` stays quick. An option that commands
share has its help text in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

from ..inputs.option_types import Count, JobsSource, Name, OwnPath
from ..inputs.service import Service
from ..output.terminal import Terminal

_SERVICE_DEFAULTS = Service()


def enqueue(jobs: JobsSource, /, *, journal: Name) -> int:
    """Queue the jobs of a JSONL file for the workers of a journal in PostgreSQL. In a pipe: JSON.

    All good lines are queued, or none. Those that were queued before, or have ended, are not queued again. Needs no
    key. Local files must be uploaded first. Exit code 1 if a line is bad.

    Args:
        jobs: The file; - reads standard input.
        journal: The journal, as postgresql://user@host/films; its tables are made if they are missing.
    """
    from ..commands.enqueue import enqueue as run_command

    return run_command(jobs, journal, Terminal.here())


def worker(
    *,
    journal: Name,
    out: OwnPath | None = None,
    name: str | None = None,
    chunks: Count = 10,
    service: Service = _SERVICE_DEFAULTS,
) -> int:
    """Do the jobs that were queued in a journal in PostgreSQL, as one of many workers, until Ctrl-C or SIGTERM.

    In a pipe, one JSON object per job is written to standard output as it ends, with the fields of run. A worker that
    is stopped learns the task ids of requests under way; other workers go on with its jobs.

    Args:
        journal: The journal, as postgresql://user@host/films; its tables are made if they are missing.
        out: Folder for the videos; nothing in it is overwritten. Without it the links are in the journal for 24 hours.
        name: Names of the videos, as "{model}-{key}{ext}"; fields: {key}, {index}, {task_id}, {model}, {ext}.
        chunks: Chunks of up to 100 jobs that are done at once.
        service: How the service is reached and used.
    """
    from ..commands.worker import worker as run_command

    return run_command(journal, service, Terminal.here(), folder=out, name=name, chunks=chunks)
