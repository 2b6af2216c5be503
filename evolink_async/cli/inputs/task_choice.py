"""Which task a command is about: one that is named by its id, or by the key of its job and a journal.

The journal is only read, so a run may be using it.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from ...errors import ConfigurationError, JournalError
from ...jobs import STANDINGS, Accepted, Completed, Failed, Planned, Unknown
from ...wire import check_task_id


@attrs.frozen(kw_only=True)
class TaskChoice:
    """The task that a command is about.

    Attributes:
        task_id: Its id.
        key: The key of its job; the id of the task if there is no journal.
        model: The model of the job, if it is known.
        outcome: How the job ended, if the journal knows that.
        journal: The journal file that knows the job; None if the task is named by its id.
    """

    task_id: str
    key: str
    model: str | None = None
    outcome: Completed | Failed | None = None
    journal: Path | None = None


def chosen_task(task_id: str | None, key: str | None, journal: Path | None) -> TaskChoice:
    """Return the task that is named by an id, or by the key of its job.

    Args:
        task_id: The service's id of the task.
        key: The key of its job, in place of the id.
        journal: The journal file that knows the job.

    Raises:
        ConfigurationError: There is neither an id nor a key with a journal, or too much; or there is no such file.
        ParamsError: No task can have this id.
        JournalError: The file is no journal; or the job is not in it, or has no task.
        SubmissionUnknownError: The job is in doubt.
    """
    if (task_id is None) == (key is None) or (key is None) != (journal is None):
        raise ConfigurationError("give the id of a task; or --key KEY and --journal FILE, for the task of a job")
    if task_id is not None:
        check_task_id(task_id)
        return TaskChoice(task_id=task_id, key=task_id)
    return _task_of(str(key), journal or Path())


def _task_of(key: str, journal: Path) -> TaskChoice:
    from ...journal.listing import read_jobs

    found = read_jobs(journal, tuple(STANDINGS), keys=(key,))
    if not found:
        advice = f"`evolink-async jobs {journal}` lists them."
        raise JournalError(f"no job {key!r} is in the journal {str(journal)!r}", advice=advice)
    [job] = found
    match job.standing:
        case Planned():
            raise JournalError(f"the job {key!r} in the journal {str(journal)!r} was not sent yet", advice="Run it.")
        case Accepted(task_id=task_id):
            return TaskChoice(task_id=task_id, key=key, model=job.model, journal=journal)
        case (Completed(task_id=str(task_id)) | Failed(task_id=str(task_id))) as ended:
            return TaskChoice(task_id=task_id, key=key, model=job.model, outcome=ended, journal=journal)
        case Failed():
            text = f"the job {key!r} in the journal {str(journal)!r} was given up while in doubt"
            raise JournalError(text, advice="No task of it is known, so there is nothing to wait for.")
        case Unknown(error=error):
            raise error
