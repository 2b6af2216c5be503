"""The commands that read a jobs file, or need none: `demo`, `run`, `check`, `models`, `emulator`.

The work of each is in `commands`, which is imported when it is called: `--help` stays quick. An option that commands
share has its help text in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

from pathlib import Path

from ..inputs.local_emulator import EMULATOR_SPEED, EmulatorOptions
from ..inputs.option_types import BaseUrl, Flag, Integer, JobsSource, JournalFile, Name, OwnPath, PrivateResults, Speed
from ..inputs.run_options import RunOptions
from ..inputs.service import Service
from ..output.terminal import Terminal

_EMULATOR_DEFAULTS = EmulatorOptions()


def demo(  # noqa: D417
    *, out: OwnPath = Path("evolink-demo"), speed: Speed = EMULATOR_SPEED, jobs: Integer | None = None
) -> int:
    """Run 40 example jobs on a local emulator and save their videos. Needs no key and costs nothing.

    Args:
        out: Folder for the videos; nothing in it is overwritten.
        jobs: Run only the first JOBS examples.
    """
    from ..commands.demo import demo as run_command

    return run_command(out, speed=speed, jobs=jobs, terminal=Terminal.here())


def run(jobs: JobsSource, /, *, options: RunOptions) -> int:  # noqa: D417
    """Run the jobs of a JSONL file and save their videos.

    A line is the service's own request body, plus an optional custom_id. Bad lines are reported, the good ones run.
    In a pipe, one JSON object per job is written to standard output as it ends.

    A journal is kept: the same command again goes on where this one ended, and pays for no job twice.
    Ctrl-C sends no more jobs and waits for those in flight; a second one, SIGTERM or SIGHUP stops at once.

    Args:
        jobs: The file; - reads standard input.
    """
    from ..commands.run import run as run_command

    return run_command(jobs, options, Terminal.here())


def check(  # noqa: D417
    jobs: JobsSource,
    /,
    *,
    remote: Flag = False,
    allow_private_results: PrivateResults = False,
    journal: JournalFile | None = None,
    online: Flag = False,
    retry_failed: Flag = False,
    base_url: BaseUrl = None,
) -> int:
    """Check the jobs of a JSONL file and the files they name, and what they cost, before any is paid for.

    In a pipe: JSON, an object a line and one for the estimate. Buys nothing; needs a key with --online only. Exit code
    1 if a line is bad. Paths of local files start from the folder of the jobs file.

    Prices are those that the journal has learned, else those of the service's catalogue, else those of the list in this
    package; each figure says which.

    Args:
        jobs: The file; - reads standard input. It may name local files in place of URLs, as file:clips/a.mp4.
        remote: Read the first mebibyte behind each URL too.
        journal: Journal file of earlier runs: their jobs and their prices are known. A run may be using it.
        online: Ask the service for its price catalogue, free of charge.
        retry_failed: Price jobs too whose tasks failed in an earlier run, as run --retry-failed buys them anew.
    """
    from ..commands.check import check as run_command

    return run_command(
        jobs,
        Terminal.here(),
        reads_links=remote,
        allows_private=allow_private_results,
        journal=journal,
        service=Service(base_url=base_url) if online else None,
        retry_failed=retry_failed,
    )


def models(name: Name | None = None, /) -> int:
    """List the models, or the fields of one. In a pipe: JSON.

    Args:
        name: The service's name of a model, as wan2.6-reference-video.
    """
    from ..commands.models import models as run_command

    return run_command(name, Terminal.here())


def emulator(*, options: EmulatorOptions = _EMULATOR_DEFAULTS) -> int:
    """Run a local EvoLink emulator for other programs until Ctrl-C."""
    from ..commands.emulator import emulator as run_command

    return run_command(options, Terminal.here())
