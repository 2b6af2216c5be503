"""All commands put together, each with an example; and what becomes of an error.

Their arguments are in `definitions`, and in `inputs.model_commands` for `generate`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal

from cyclopts import App, CycloptsError

from ..errors import EvolinkError, SubmissionUnknownError
from ..version import __version__
from .definitions import jobs_files, journals, tasks, workers
from .exit_codes import FAILED, IN_DOUBT, INTERRUPTED, OK, READER_GONE, USAGE
from .output.help_text import EPILOGUE, example
from .output.streams import abandon
from .output.terminal import Terminal

app: App = App(
    name="evolink-async",
    help="Run many EvoLink video generations: pay once, lose nothing, ask seldom.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=__version__,
    # The commands return exit codes, and `launch` decides about errors and Ctrl-C: cyclopts exits in no case.
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

for _command, _words in (
    (jobs_files.demo, "evolink-async demo --jobs 5"),
    (jobs_files.run, "evolink-async run jobs.jsonl --out films --budget 500"),
    (jobs_files.check, "evolink-async check jobs.jsonl --journal films/jobs.journal.db"),
    (jobs_files.models, "evolink-async models wan2.6-reference-video"),
    (jobs_files.emulator, "evolink-async emulator --port 8787 --fault submit=drop@1"),
    (tasks.status, "evolink-async status task-unified-1757169743-7cvnl5zw"),
    (tasks.watch, "evolink-async watch --key shot-17 --journal films/jobs.journal.db"),
    (tasks.wait, "evolink-async wait task-unified-1757169743-7cvnl5zw --timeout 600"),
    (tasks.download, "evolink-async download task-unified-1757169743-7cvnl5zw --out films/"),
    (tasks.credits, "evolink-async credits"),
    (tasks.upload, "evolink-async upload dancer.mp4 voice.mp3"),
    (journals.jobs, "evolink-async jobs films/jobs.journal.db --state failed"),
    (journals.outcomes, "evolink-async outcomes films/jobs.journal.db --follow"),
    (journals.report, "evolink-async report films/jobs.journal.db -o films/index.html"),
    (journals.dashboard, "evolink-async dashboard films/jobs.journal.db"),
    (journals.doubts, "evolink-async doubts films/jobs.journal.db"),
    (workers.enqueue, "evolink-async enqueue jobs.jsonl --journal postgresql://user@host/films"),
    (workers.worker, "evolink-async worker --journal postgresql://user@host/films --out films"),
    (journals.settle, "evolink-async settle films/jobs.journal.db shot-18 resubmit"),
):
    app.command(_command, help_epilogue=example(_words))


_PRUNE = "evolink-async journal prune --older 30d films/jobs.journal.db"
_journal: App = App(
    name="journal", help="Keep a journal in order: remove jobs that ended long ago.", help_epilogue=example(_PRUNE)
)
_journal.command(journals.prune, help_epilogue=example(_PRUNE))
app.command(_journal)


@app.command(help_epilogue=example("source <(evolink-async completion bash)"))
def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the script that completes commands and options in a shell.

    For every shell, write it to a file. bash: ~/.local/share/bash-completion/completions/evolink-async

    fish: ~/.config/fish/completions/evolink-async.fish

    zsh: _evolink-async in a folder of $fpath

    Args:
        shell: The shell.
    """
    Terminal.here().out.file.write(app.generate_completion(shell=shell))
    return OK


# By its place: it is imported when its help or a model is asked for.
app.command(
    "evolink_async.cli.inputs.model_commands:generate",
    name="generate",
    help="Make one video: a command for each model, whose options are its parameters. In a pipe: JSON.",
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
        return IN_DOUBT if isinstance(error, SubmissionUnknownError) else USAGE
    except BrokenPipeError:
        abandon(sys.stdout)
        return READER_GONE
    except OSError as error:
        # A full disk behind standard output, or a file that cannot be read: no fault of the program.
        abandon(sys.stdout)
        terminal.error(f"{_place_of(error)}: {error.strerror or error}")
        return FAILED
    except MemoryError:
        terminal.error("this computer has too little memory for what was asked; give it less at once")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _place_of(error: OSError) -> str:
    return "the output cannot be written" if error.filename is None else os.fsdecode(error.filename)
