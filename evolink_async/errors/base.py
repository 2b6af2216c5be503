"""The base of all errors.

What the errors are is told in their own modules, the whole tree in the package's docstring.
"""

from __future__ import annotations

from typing import Any


def _revive(cls: type[EvolinkError], args: tuple[Any, ...], state: dict[str, Any]) -> EvolinkError:
    error = cls.__new__(cls, *args)
    error.args = args  # an OSError takes them in __init__ only, which keyword-only constructors bypass
    error.__dict__.update(state)
    return error


class EvolinkError(Exception):
    """The base of every error this library raises on purpose.

    Attributes:
        may_resubmit: Whether sending the same job again cannot pay for it twice.
        advice: One sentence on what to do now.
    """

    may_resubmit: bool = False
    advice: str = "Read the message; nothing is known that would help further."

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes, so that keyword-only constructors survive a process border."""
        return _revive, (type(self), self.args, dict(self.__dict__))
