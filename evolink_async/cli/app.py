"""The commands with their arguments, and what becomes of an error; cyclopts makes the help of the docstrings.

The work of each command is in `commands`, which is imported when it is called: `--help` stays quick. An option of one
command has its help text here; one that commands share has it in `inputs`, which is why D417 is silenced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError

from ..errors import EvolinkError
from ..version import __version__
from .exit_codes import FAILED, INTERRUPTED, OK, READER_GONE, USAGE
from .inputs.local_emulator import EMULATOR_SPEED, EmulatorOptions
from .inputs.option_types import BaseUrl, FilesUrl, Flag, JobsSource, PrivateResults, Speed
from .inputs.run_options import RunOptions
from .inputs.service import Service
from .output.streams import abandon
from .output.terminal import Terminal

_EPILOGUE = (
    "Exit codes: 0 ok, 1 some jobs failed or lines were bad, 2 wrong use, 3 a paid submit is in doubt, "
    "130 Ctrl-C, SIGTERM or SIGHUP. "
    "Environment: EVOLINK_API_KEY, EVOLINK_BASE_URL, EVOLINK_FILES_BASE_URL, EVOLINK_ALLOW_PRIVATE_RESULTS."
)
_EMULATOR_DEFAULTS = EmulatorOptions()

app: App = App(
    name="evolink-async",
    help="Run many EvoLink video generations: pay once, lose nothing, ask seldom.",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=__version__,
    # The commands return exit codes, and `launch` decides about errors and Ctrl-C: cyclopts exits in no case.
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def launch(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code; errors that a user can cause are printed, not raised.

    Args:
        tokens: The arguments of the command line, without the program's name.
    """
    terminal = Terminal.here()
    try:
        code = app(tokens, exit_on_error=False, print_error=False, console=terminal.out, error_console=terminal.err)
        # Flushed here, so that a reader that has gone is noticed while it can still be handled.
        sys.stdout.flush()
        return OK if code is None else int(code)
    except CycloptsError as error:
        terminal.error(str(error), "See `evolink-async --help`, or `evolink-async COMMAND --help`.")
        return USAGE
    except EvolinkError as error:
        terminal.error(str(error), error.advice)
        return USAGE
    except BrokenPipeError:
        abandon(sys.stdout)
        return READER_GONE
    except OSError as error:
        # A full disk behind standard output, or a file that cannot be read: no fault of the program.
        abandon(sys.stdout)
        terminal.error(f"{_place_of(error)}: {error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _place_of(error: OSError) -> str:
    return "the output cannot be written" if error.filename is None else os.fsdecode(error.filename)


@app.command
def demo(  # noqa: D417
    *, out: Path = Path("evolink-demo"), speed: Speed = EMULATOR_SPEED, jobs: int | None = None
) -> int:
    """Run 40 example jobs on a local emulator and save their videos. Needs no key and costs nothing.

    Args:
        out: Folder for the videos; nothing in it is overwritten.
        jobs: Run only the first JOBS examples.
    """
    from .commands.demo import demo as run_command

    return run_command(out, speed=speed, jobs=jobs, terminal=Terminal.here())


@app.command
def run(jobs: JobsSource, /, *, options: RunOptions) -> int:  # noqa: D417
    """Run the jobs of a JSONL file and save their videos.

    A line is the service's own request body, plus an optional custom_id. Bad lines are reported, the good ones run.
    In a pipe, one JSON object per job is written to standard output as it ends.

    A journal is kept: the same command again goes on where this one ended, and pays for no job twice.
    Ctrl-C sends no more jobs and waits for those in flight; a second one, SIGTERM or SIGHUP stops at once.

    Args:
        jobs: The file; - reads standard input.
    """
    from .commands.run import run as run_command

    return run_command(jobs, options, Terminal.here())


@app.command
def check(  # noqa: D417
    jobs: JobsSource,
    /,
    *,
    remote: Flag = False,
    allow_private_results: PrivateResults = False,
    journal: Path | None = None,
    online: Flag = False,
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
    """
    from .commands.check import check as run_command

    return run_command(
        jobs,
        Terminal.here(),
        reads_links=remote,
        allows_private=allow_private_results,
        journal=journal,
        service=Service(base_url=base_url) if online else None,
    )


@app.command
def doubts(journal: Path, /) -> int:
    """Show the jobs of a journal that may have been paid for, and what to look for. In a pipe: JSON.

    Needs no key and no network. Exit code 3 if there are any.

    Args:
        journal: The journal file, as films/jobs.journal.db; a run may be using it.
    """
    from .commands.doubts import doubts as run_command

    return run_command(journal, Terminal.here())


@app.command
def settle(journal: Path, key: str, how: str, /) -> int:
    """Resolve the doubt of one job, after a look in the dashboard. Needs no key and no network.

    Args:
        journal: The journal file; no run may be using it.
        key: The custom_id of the job.
        how: The id of its task, if there is one; resubmit, if there is none; or abandon.
    """
    from .commands.settle import settle as run_command

    return run_command(journal, key, how, Terminal.here())


@app.command
def models(name: str | None = None, /) -> int:
    """List the models, or the fields of one. In a pipe: JSON.

    Args:
        name: The service's name of a model, as wan2.6-reference-video.
    """
    from .commands.models import models as run_command

    return run_command(name, Terminal.here())


@app.command
def status(task_id: str, /, *more: str, base_url: BaseUrl = None) -> int:  # noqa: D417
    """Poll tasks once, free of charge. In a pipe: JSON.

    Args:
        task_id: The service's id of a task.
        more: Further ids.
    """
    from .commands.status import status as run_command

    return run_command((task_id, *more), Service(base_url=base_url), Terminal.here())


@app.command
def upload(  # noqa: D417
    source: str,
    /,
    *more: str,
    journal: Path | None = None,
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
    from .commands.upload import upload as run_command

    service = Service(base_url=base_url, files_url=files_url)
    return run_command((source, *more), service, Terminal.here(), journal=journal, as_json=json)


@app.command
def emulator(*, options: EmulatorOptions = _EMULATOR_DEFAULTS) -> int:
    """Run a local EvoLink emulator for other programs until Ctrl-C."""
    from .commands.emulator import emulator as run_command

    return run_command(options, Terminal.here())
