"""The types of options and arguments that several commands share: each with its check, variable and help text.

Options of one command are in `run_options` and `local_emulator`, or in the signature of the command in `definitions`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from ...journal import looks_like_address

# cyclopts itself rounds 4.6 to 5, and takes 0x5 and 1_0: what is bought must be what was written.
_WHOLE = re.compile(r"-?[0-9]{1,300}")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def whole_number(hint: object, tokens: Sequence[Token]) -> int:
    """Read a whole number, for cyclopts.

    Raises:
        ValueError: It is not written in decimal digits only, or is none of the choices.
    """
    if not _WHOLE.fullmatch(text := tokens[0].value):
        raise ValueError(f"Must be a whole number in decimal digits, as 5, not {text!r}.")
    # A hint of another kind than `int` lists the choices.
    if (choices := get_args(hint)) and int(text) not in choices:
        raise ValueError(f"Choose from: {', '.join(map(str, choices))}.")
    return int(text)


def _number(_: object, tokens: Sequence[Token]) -> float:
    if not _NUMBER.fullmatch(text := tokens[0].value):
        raise ValueError(f"Must be a number, as 5 or 0.5, not {text!r}.")
    return float(text)


def a_path(_: object, tokens: Sequence[Token]) -> Path:
    """Read a path, for cyclopts.

    Raises:
        ValueError: It is empty, which `Path` takes for the current folder.
    """
    if not (text := tokens[0].value):
        raise ValueError("Must not be empty.")
    return Path(text)


def _journal_file(hint: object, tokens: Sequence[Token]) -> Path:
    # The address is not shown: it may hold a password.
    if looks_like_address(tokens[0].value):
        raise ValueError(
            "This command takes a journal file only; enqueue, worker, jobs, outcomes, doubts, settle, report and "
            "dashboard take an address."
        )
    return a_path(hint, tokens)


def check_not_empty(_: object, value: Any) -> None:  # noqa: ANN401  # cyclopts types validators so
    """Refuse an empty text, for cyclopts.

    Raises:
        ValueError: It is empty.
    """
    if value == "":
        raise ValueError("Must not be empty.")


def _check_positive(_: object, value: Any) -> None:  # noqa: ANN401  # cyclopts types validators so
    # Not Number(gt=0), which lets infinity and nan pass.
    if value is not None and (not math.isfinite(value) or value <= 0):
        raise ValueError(f"Must be more than 0 and finite, not {value}.")


Positive: TypeAlias = Annotated[float, Parameter(converter=_number, validator=_check_positive)]
Share: TypeAlias = Annotated[float, Parameter(converter=_number, validator=Number(gte=0, lte=1))]
Integer: TypeAlias = Annotated[int, Parameter(converter=whole_number)]
Count: TypeAlias = Annotated[Integer, Parameter(validator=Number(gte=1))]
Whole: TypeAlias = Annotated[Integer, Parameter(validator=Number(gte=0))]
Port: TypeAlias = Annotated[Integer, Parameter(validator=Number(gte=0, lte=65535))]

# negative=(): without it cyclopts adds a --no-NAME to every flag.
Flag: TypeAlias = Annotated[bool, Parameter(negative=())]

# A leading hyphen is allowed, as "-" is standard input.
JobsSource: TypeAlias = Annotated[str, Parameter(allow_leading_hyphen=True, validator=check_not_empty)]
Name: TypeAlias = Annotated[str, Parameter(validator=check_not_empty)]
OwnPath: TypeAlias = Annotated[Path, Parameter(converter=a_path)]
JournalFile: TypeAlias = Annotated[Path, Parameter(converter=_journal_file)]

Speed: TypeAlias = Annotated[Positive, Parameter(help="Speed of the emulator: emulated seconds per real second.")]
BaseUrl: TypeAlias = Annotated[str | None, Parameter(env_var="EVOLINK_BASE_URL", help="Address of the service.")]
FilesUrl: TypeAlias = Annotated[
    str | None,
    Parameter(
        env_var="EVOLINK_FILES_BASE_URL",
        help="Address of the file service. Default: EvoLink's, or that of the emulator at base_url.",
    ),
]
LookEvery: TypeAlias = Annotated[
    Positive | None,
    Parameter(
        help="Seconds between polls of a task, for services faster than EvoLink, as an emulator.",
    ),
]
JobKey: TypeAlias = Annotated[
    Name | None, Parameter(help="Key of a job, its custom_id, in place of the id of its task; with --journal.")
]
JobsJournal: TypeAlias = Annotated[
    JournalFile | None, Parameter(help="Journal file that knows the job of --key; a run may be using it.")
]
PrivateResults: TypeAlias = Annotated[
    bool,
    Parameter(
        env_var="EVOLINK_ALLOW_PRIVATE_RESULTS",
        negative=(),
        help="Fetch files from plain http and private addresses too, as emulators serve them.",
    ),
]
