"""The commands, their options and what becomes of an error; cyclopts reads the docstrings as help.

No command's work is done here: each imports its own file when it is called, so that `--help` stays quick.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from ..errors import ConfigurationError, EvolinkError
from ..settings import Cadence, Resubmit
from ..version import __version__
from .inputs.service import EMULATOR_SPEED, Service, cadence_of
from .output.outcomes import INTERRUPTED, OK, READER_GONE, USAGE
from .output.terminal import Terminal, abandon_stdout

_EPILOGUE = (
    "Exit codes: 0 ok, 1 some jobs failed or lines were bad, 2 wrong use, 3 a paid submit is in doubt, 130 Ctrl-C. "
    "Environment: EVOLINK_API_KEY, EVOLINK_BASE_URL, EVOLINK_FILES_BASE_URL, EVOLINK_ALLOW_PRIVATE_RESULTS."
)

app = App(
    name="evolink-async",
    help="Run many EvoLink video generations: pay once, lose nothing, ask seldom.",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def _is_finite(_: object, value: Any) -> None:  # noqa: ANN401  # cyclopts types validators so
    if value is not None and (not math.isfinite(value) or value <= 0):
        raise ValueError(f"Must be more than 0 and finite, not {value}.")


Positive = Annotated[float, Parameter(validator=_is_finite)]
Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
BaseUrl = Annotated[str | None, Parameter(env_var="EVOLINK_BASE_URL")]
FilesUrl = Annotated[str | None, Parameter(env_var="EVOLINK_FILES_BASE_URL")]
PrivateResults = Annotated[bool, Parameter(env_var="EVOLINK_ALLOW_PRIVATE_RESULTS", negative=())]


def launch(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code; no error a user can cause leaves it.

    Args:
        tokens: The words of the command line, without the program's name.
    """
    terminal = Terminal.here()
    try:
        code = app(tokens, exit_on_error=False, print_error=False, console=terminal.out, error_console=terminal.err)
        sys.stdout.flush()
        return OK if code is None else int(code)
    except CycloptsError as error:
        terminal.complain(str(error), "See `evolink-async --help`, or `evolink-async COMMAND --help`.")
        return USAGE
    except EvolinkError as error:
        terminal.complain(str(error), error.advice)
        return USAGE
    except BrokenPipeError:
        abandon_stdout()
        return READER_GONE
    except KeyboardInterrupt:
        return INTERRUPTED


@app.command
def demo(
    *,
    out: Path = Path("evolink-demo"),
    speed: Positive = EMULATOR_SPEED,
    jobs: int | None = None,
) -> int:
    """Run 40 example jobs on a local emulator and save their videos. Needs no key and costs nothing.

    Args:
        out: Folder for the videos; nothing in it is overwritten.
        speed: How many times faster than life the emulator is.
        jobs: Run only so many of the examples.
    """
    from .commands.demo import demo as carry_out

    return carry_out(out, speed=speed, jobs=jobs, terminal=Terminal.here())


@app.command
def run(
    jobs: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    out: Path,
    name: str | None = None,
    emulator: Annotated[bool, Parameter(negative=())] = False,
    speed: Positive = EMULATOR_SPEED,
    results: Path | None = None,
    base_url: BaseUrl = None,
    allow_private_results: PrivateResults = False,
    in_flight: Annotated[int, Parameter(validator=Number(gte=1))] = 1000,
    resubmit: Resubmit = "if_undelivered",
    timeout: Positive | None = None,
    look_every: Positive | None = None,
    journal: Path | None = None,
    no_journal: Annotated[bool, Parameter(negative=())] = False,
    budget: Positive | None = None,
) -> int:
    """Run the jobs of a JSONL file and save their videos.

    A line is the service's own request body, plus an optional custom_id. Bad lines are reported, the good ones run.
    In a pipe, one JSON object per job is written to standard output as it ends.

    A journal is kept: the same command again goes on where this one ended, and pays for no job twice.
    Ctrl-C sends no more jobs and waits for those in flight; a second one stops at once.

    Args:
        jobs: The file; - reads standard input.
        out: Folder for the videos; nothing in it is overwritten.
        name: What they are called, as in "{model}-{key}{ext}"; fields are {key}, {index}, {task_id}, {model}, {ext}.
        emulator: Use a local emulator instead of EvoLink: no key, no cost.
        speed: How many times faster than life that emulator is.
        results: Append one JSON object per job to this file.
        base_url: Address of the service.
        allow_private_results: Fetch videos from plain http and private addresses too, as emulators serve them.
        in_flight: Most tasks alive at the service at once.
        resubmit: When a submit may be sent again; see RetryPolicy.
        timeout: Seconds a task may take before it is given up; it goes on at the service.
        look_every: Seconds between looks at a task, for services faster than EvoLink, as an emulator.
        journal: Its file. If none is named: NAME.journal.db beside the videos for jobs in NAME.jsonl; for an
            emulator none.
        no_journal: Keep no journal: the same command again buys everything anew.
        budget: Most credits to spend, over all runs of the journal; jobs beyond it are not sent.
    """
    from .commands.run import RunOptions, journal_beside
    from .commands.run import run as carry_out

    if journal is not None and no_journal:
        raise ConfigurationError("--journal and --no-journal exclude each other")
    if journal is None and not no_journal and not emulator:
        journal = journal_beside(jobs, out)

    service = Service(
        base_url=base_url,
        allow_private_results=allow_private_results,
        cadence=Cadence() if look_every is None else cadence_of(look_every),
        in_flight=in_flight,
        resubmit=resubmit,
    )
    options = RunOptions(
        source=jobs,
        out=out,
        name=name,
        results=results,
        service=service,
        emulator_speed=speed if emulator else None,
        timeout=timeout,
        journal=journal,
        budget=budget,
    )
    return carry_out(options, Terminal.here())


@app.command
def check(
    jobs: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    remote: Annotated[bool, Parameter(negative=())] = False,
    allow_private_results: PrivateResults = False,
) -> int:
    """Check the jobs of a JSONL file and the files they name, before any is paid for. In a pipe: JSON.

    Needs no key, and sends nothing. Exit code 1 if a line is bad.

    Args:
        jobs: The file; - reads standard input. A file of this machine stands where a URL would, as file:clips/a.mp4,
            from the folder of the jobs file on.
        remote: Read the beginning of what stands behind URLs too.
        allow_private_results: Read it from plain http and private addresses too, as emulators serve it.
    """
    from .commands.check import check as carry_out

    return carry_out(jobs, Terminal.here(), reads_links=remote, allows_private=allow_private_results)


@app.command
def doubts(journal: Path, /) -> int:
    """Show the jobs of a journal that may have been paid for, and what to look for. In a pipe: JSON.

    Needs no key and no network. Exit code 3 if there are any.

    Args:
        journal: Its file, as films/jobs.journal.db; a run that goes on may be using it.
    """
    from .commands.doubts import doubts as show

    return show(journal, Terminal.here())


@app.command
def settle(journal: Path, key: str, how: str, /) -> int:
    """Resolve the doubt of one job, after a look in the dashboard. Needs no key and no network.

    Args:
        journal: The file of the journal; no run may be using it.
        key: The custom_id of the job.
        how: The id of its task, if there is one; resubmit, if there is none; or abandon.
    """
    from .commands.doubts import settle as carry_out

    return carry_out(journal, key, how, Terminal.here())


@app.command
def models(name: str | None = None, /) -> int:
    """List the models, or the fields of one. In a pipe: JSON.

    Args:
        name: The service's name of a model, as wan2.6-reference-video.
    """
    from .commands.models import models as show

    return show(name, Terminal.here())


@app.command
def status(task_id: str, /, *more: str, base_url: BaseUrl = None) -> int:
    """Look at tasks once, free of charge. In a pipe: JSON.

    Args:
        task_id: The service's id of a task.
        more: Further ids.
        base_url: Address of the service.
    """
    from .commands.status import status as look

    return look((task_id, *more), Service(base_url=base_url), Terminal.here())


@app.command
def upload(
    source: str,
    /,
    *more: str,
    journal: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    base_url: BaseUrl = None,
    files_url: FilesUrl = None,
) -> int:
    """Give files to the service for 72 hours, free of charge, and show their links. In a pipe: JSON.

    Args:
        source: A file of up to 100 MB, or an http(s) URL that the service is to fetch.
        more: Further ones.
        journal: A file that remembers the links: what it knows is not sent again, by `run` neither.
        json: Show JSON on a terminal too.
        base_url: Address of the service.
        files_url: Address of its file service; if none is named and base_url is an emulator's, that.
    """
    from .commands.upload import upload as carry_out

    service = Service(base_url=base_url, files_url=files_url)
    return carry_out((source, *more), service, Terminal.here(), journal=journal, as_json=json)


@app.command
def emulator(
    *,
    port: Port = 8787,
    results_port: Port = 0,
    speed: Positive = EMULATOR_SPEED,
    seed: int = 0,
    failure_share: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.0,
) -> int:
    """Run a local EvoLink for other programs until Ctrl-C.

    Args:
        port: Port of the API and the file service; 0 takes a free one.
        results_port: Port of the videos; 0 takes a free one.
        speed: How many times faster than life it is.
        seed: Decides ids, durations and failures.
        failure_share: Part of the tasks that fail, 0 to 1.
    """
    from .commands.emulator import serve

    return serve(
        Terminal.here(),
        port=port,
        results_port=results_port,
        speed=speed,
        seed=seed,
        failure_share=failure_share,
    )
