"""A paid task: what the vendor knows of it, which is the truth about money."""

from __future__ import annotations

import attrs

PASSING = "passing"
"""The end of a task that fails for a passing reason; its status is "failed"."""


@attrs.define(eq=False)
class Task:
    """A paid task: a row of the ledger.

    Attributes:
        task_id: Its id.
        job: The job's key.
        model: Its model.
        purchase: The idempotency key of its POST.
        number: Ordinal of its POST.
        session: Ordinal of the API key.
        price_class: As the job is billed.
        price: Credits reserved.
        charged: Credits charged at its end.
        begun: When it was accepted, in seconds since the beginning.
        ended: When it ends.
        end: Its final word.
        word: The name of the reply to its POST.
        is_forgotten: Whether the vendor says that there is no such task.
    """

    task_id: str
    job: str
    model: str
    purchase: str
    number: int
    session: int
    price_class: int
    price: float
    charged: float
    begun: float
    ended: float
    end: str
    word: str
    is_forgotten: bool = False

    @property
    def may_be_bought_anew(self) -> bool:
        """Whether it fails for a passing reason, free of charge: a policy may buy its job anew."""
        return self.end == PASSING and not self.charged

    def cost(self, now: float) -> float:
        """Return the credits reserved or charged at a moment."""
        return 0.0 if now < self.begun else self.price if now < self.ended else self.charged
