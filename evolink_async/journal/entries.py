"""What is written into a journal and what is read out of it, as values.

How it is kept is the business of each kind of journal.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from ..jobs import Accepted, Completed, Failed, Unknown

Standing: TypeAlias = Accepted | Completed | Failed | Unknown


@attrs.frozen(kw_only=True)
class Intent:
    """A paid request about to be sent.

    Attributes:
        key: The job's key.
        model: What is asked for, in the vendor's word.
        path: Where it goes.
        body: The exact bytes.
        digest: The digest of those.
        idempotency_key: What this purchase goes by at the service.
        session: Fingerprint of the API key.
        price_class: What its price goes by; see `budget.PriceClass`.
    """

    key: str
    model: str
    path: str
    body: bytes
    digest: str
    idempotency_key: str
    session: str
    price_class: str


@attrs.frozen
class Known:
    """What became of a job so far, and under which API key (its fingerprint)."""

    standing: Standing
    session: str
