"""The types of options and arguments that several commands share: each with its check, variable and help text.

Options of one command are in `run_options` and `local_emulator`, or in the signature of the command in `app`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number


def _check_positive(_: object, value: Any) -> None:  # noqa: ANN401  # cyclopts types validators so
    # Not Number(gt=0), which lets infinity and nan pass.
    if value is not None and (not math.isfinite(value) or value <= 0):
        raise ValueError(f"Must be more than 0 and finite, not {value}.")


Positive: TypeAlias = Annotated[float, Parameter(validator=_check_positive)]
Count: TypeAlias = Annotated[int, Parameter(validator=Number(gte=1))]
Whole: TypeAlias = Annotated[int, Parameter(validator=Number(gte=0))]
Share: TypeAlias = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Port: TypeAlias = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]

# negative=(): without it cyclopts adds a --no-NAME to every flag.
Flag: TypeAlias = Annotated[bool, Parameter(negative=())]

# A leading hyphen is allowed, as "-" is standard input.
JobsSource: TypeAlias = Annotated[str, Parameter(allow_leading_hyphen=True)]

Speed: TypeAlias = Annotated[
    float, Parameter(validator=_check_positive, help="Speed of the emulator: emulated seconds per real second.")
]
BaseUrl: TypeAlias = Annotated[str | None, Parameter(env_var="EVOLINK_BASE_URL", help="Address of the service.")]
FilesUrl: TypeAlias = Annotated[
    str | None,
    Parameter(
        env_var="EVOLINK_FILES_BASE_URL",
        help="Address of the file service. Default: EvoLink's, or that of the emulator at base_url.",
    ),
]
LookEvery: TypeAlias = Annotated[
    float | None,
    Parameter(
        validator=_check_positive,
        help="Seconds between polls of a task, for services faster than EvoLink, as an emulator.",
    ),
]
JobKey: TypeAlias = Annotated[
    str | None, Parameter(help="Key of a job, its custom_id, in place of the id of its task; with --journal.")
]
JobsJournal: TypeAlias = Annotated[
    Path | None, Parameter(help="Journal file that knows the job of --key; a run may be using it.")
]
PrivateResults: TypeAlias = Annotated[
    bool,
    Parameter(
        env_var="EVOLINK_ALLOW_PRIVATE_RESULTS",
        negative=(),
        help="Fetch files from plain http and private addresses too, as emulators serve them.",
    ),
]
