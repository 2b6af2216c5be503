"""What breaks a law, as a value. The laws are in `laws` and `money_laws`."""

from __future__ import annotations

import attrs


@attrs.frozen
class Violation:
    """A law that was broken.

    Attributes:
        law: Its number and name.
        situation: In which way: the same words whenever it is broken in the same way.
        text: The values of this case.
    """

    law: str
    situation: str
    text: str

    @property
    def name(self) -> str:
        """Law and situation."""
        return f"{self.law}: {self.situation}"
