"""The base class of all errors.

The other classes are in the modules of this package; its docstring shows the tree.
"""

from __future__ import annotations

from typing import Any


def _revive(cls: type[EvolinkError], args: tuple[Any, ...], state: dict[str, Any]) -> EvolinkError:
    # Not by calling the class: its keyword-only arguments are in `state`, not in `args`.
    error = cls.__new__(cls, *args)
    # DeadlineError is a TimeoutError, and an OSError sets `args` in `__init__`, which is not called here.
    error.args = args
    error.__dict__.update(state)
    return error


class EvolinkError(Exception):
    """The base class of every error that this library raises on purpose.

    Attributes:
        may_resubmit: Whether the same job can be submitted again without paying for it twice.
        advice: What to do next, in one or two sentences.
    """

    may_resubmit: bool = False
    advice: str = "Read the message; there is no other advice for this error."

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the attributes, because the default of exceptions cannot call a keyword-only constructor."""
        return _revive, (type(self), self.args, dict(self.__dict__))
