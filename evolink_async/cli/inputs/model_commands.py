"""`generate` with a command for each registered model.

The options of a model are made in `model_options`; a job is made and run in `commands.generate`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from cyclopts import App

# Importing the models registers them.
from ... import models as _registered  # noqa: F401  # pyright: ignore[reportUnusedImport]
from ...params import Params, fields_of, registered_models
from ..output.help_text import example
from ..output.terminal import Terminal
from .generate_options import GenerateOptions
from .model_options import body_of, example_of, option_of

_DEFAULTS = GenerateOptions()
_WITHIN_SENTENCE = re.compile(r"(?<![.\n])\n(?!\n)")


def generate_app() -> App:
    """Return the command `generate` with the models that are registered now."""
    made = App(
        name="generate",
        help="Make one video: a command for each model, whose options are its parameters. In a pipe: JSON.\n\n"
        "A path in place of a URL names a local file, which is checked and uploaded first. Exit codes and Ctrl-C are "
        "as for run.",
        help_epilogue=example('evolink-async generate wan2.6-text-to-video --prompt "A cat playing piano" --out films'),
    )
    for name, cls in sorted(registered_models().items()):
        made.command(_command_of(cls), name=name, help=_summary(cls), help_epilogue=example(example_of(cls)))
    return made


def _command_of(cls: type[Params]) -> Callable[..., int]:
    """Return a function whose keyword arguments are the parameters of a model and the options that models share."""

    def run_model(*, options: GenerateOptions = _DEFAULTS, **given: object) -> int:
        from ..commands.generate import generate as run_command

        return run_command(body_of(cls, given), options, Terminal.here())

    shared = inspect.Parameter("options", inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS, annotation=GenerateOptions)
    options = [option_of(cls, field) for field in fields_of(cls)]
    # `inspect.signature`, with which cyclopts reads a function, returns this attribute if there is one.
    vars(run_model)["__signature__"] = inspect.Signature([*options, shared], return_annotation=int)
    return run_model


def _summary(cls: type[Params]) -> str:
    """Return what the class says of its model, without the sections that follow."""
    text = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:")[0].strip().replace("`", "")
    # A line that ends within a sentence goes on in the next one; the help is wrapped to the terminal.
    text = _WITHIN_SENTENCE.sub(" ", text)
    return f"{text}\n\n{cls.source}" if cls.source else text


generate: App = generate_app()
"""The command `generate`."""
