"""The commands about tasks, files and the account, all free of charge: `status`, `watch`, `wait`, `download` and so on.

The work of each is in `commands`, which is imported when it is called: `--help` stays quick. An option that commands
share has its help text in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

from ..inputs.option_types import (
    BaseUrl,
    FilesUrl,
    Flag,
    JobKey,
    JobsJournal,
    JournalFile,
    LookEvery,
    Name,
    Positive,
    PrivateResults,
)
from ..inputs.service import Service
from ..inputs.task_choice import chosen_task
from ..output.terminal import Terminal


def status(task_id: Name, /, *more: Name, base_url: BaseUrl = None) -> int:  # noqa: D417
    """Poll tasks once, free of charge. In a pipe: JSON.

    Args:
        task_id: The service's id of a task.
        more: Further ids.
    """
    from ..commands.status import status as run_command

    return run_command((task_id, *more), Service(base_url=base_url), Terminal.here())


def upload(  # noqa: D417
    source: Name,
    /,
    *more: Name,
    journal: JournalFile | None = None,
    json: Flag = False,
    base_url: BaseUrl = None,
    files_url: FilesUrl = None,
) -> int:
    """Upload files to the service for 72 hours, free of charge, and show their links. In a pipe: JSON.

    Args:
        source: A file of up to 100 MB, or an http(s) URL that the service is to fetch.
        more: Further files or URLs.
        journal: Journal file that keeps the links; neither upload nor run sends a file again that is in it.
        json: Show JSON on a terminal too.
    """
    from ..commands.upload import upload as run_command

    service = Service(base_url=base_url, files_url=files_url)
    return run_command((source, *more), service, Terminal.here(), journal=journal, as_json=json)


def watch(  # noqa: D417
    task_id: Name | None = None,
    /,
    *,
    key: JobKey = None,
    journal: JobsJournal = None,
    base_url: BaseUrl = None,
    look_every: LookEvery = None,
) -> int:
    """Show a task whenever its state or progress changes, until it ends, free of charge. In a pipe: JSON.

    Exit code 1 if the task failed.

    Args:
        task_id: The service's id of a task.
    """
    from ..commands.watch import watch as run_command

    service = Service(base_url=base_url, look_every=look_every)
    return run_command(chosen_task(task_id, key, journal), service, Terminal.here())


def wait(  # noqa: D417
    task_id: Name | None = None,
    /,
    *,
    key: JobKey = None,
    journal: JobsJournal = None,
    timeout: Positive | None = None,
    base_url: BaseUrl = None,
    look_every: LookEvery = None,
) -> int:
    """Wait until a task ends, and show its links, free of charge. In a pipe: JSON, with the fields of run.

    Args:
        task_id: The service's id of a task.
        timeout: Seconds to wait; then the exit code is 1, and the task goes on.
    """
    from ..commands.wait import wait as run_command

    service = Service(base_url=base_url, look_every=look_every)
    return run_command(chosen_task(task_id, key, journal), service, Terminal.here(), timeout=timeout)


def download(  # noqa: D417
    task_id: Name | None = None,
    /,
    *,
    out: Name,
    key: JobKey = None,
    journal: JobsJournal = None,
    timeout: Positive | None = None,
    base_url: BaseUrl = None,
    allow_private_results: PrivateResults = False,
    look_every: LookEvery = None,
) -> int:
    """Save the video of a task, which is waited for, free of charge. In a pipe: JSON, with the fields of run.

    With a journal that no run is using, the journal learns where the video is.

    Args:
        task_id: The service's id of a task.
        out: A folder, which exists or ends with a slash, or a file. Nothing is overwritten.
        timeout: Seconds to wait for the end of the task; then the exit code is 1, and the task goes on.
    """
    # Not a Path: it would lose the slash at the end.
    from ..commands.wait import wait as run_command

    service = Service(base_url=base_url, allow_private_results=allow_private_results, look_every=look_every)
    return run_command(chosen_task(task_id, key, journal), service, Terminal.here(), timeout=timeout, out=out)


def credits(*, base_url: BaseUrl = None) -> int:  # noqa: A001
    """Show what the account and the key in EVOLINK_API_KEY may still spend, free of charge. In a pipe: JSON."""
    from ..commands.credits import credits as run_command

    return run_command(Service(base_url=base_url), Terminal.here())
