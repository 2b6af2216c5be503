"""What a pool needs of whoever receives the callbacks of the service.

The receiver for HTTP is in the room `callbacks`, which the pool does not import. What a callback leads to is decided in
`call_meaning`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import attrs


@attrs.frozen
class Callback:
    """A call of the service whose token is genuine. Nothing else of it is believed.

    Attributes:
        purchase: The idempotency key of the purchase, which is a part of the token.
        task_id: The task that the body names; None if it names none.
        is_for: Tells whether the token was made for the job of a key.
    """

    purchase: str
    task_id: str | None
    is_for: Callable[[str], bool] = attrs.field(repr=False, eq=False)


TakeCallback: TypeAlias = Callable[[Callback], bool]
"""Takes a callback, and returns whether there was room for it. It does not wait."""


class Callbacks(Protocol):
    """A receiver of callbacks, as a pool sees it. `evolink_async.callbacks.CallbackReceiver` is one."""

    def url_for(self, key: str, purchase: str) -> str:
        """Return the callback URL of a purchase; always the same one.

        Args:
            key: The key of its job.
            purchase: Its idempotency key.
        """
        ...

    def attach(self, take: TakeCallback) -> None:
        """Hand callbacks to a pool from now on.

        Args:
            take: To be called in the event loop of the pool.

        Raises:
            ConfigurationError: They are handed to another pool.
        """
        ...

    def detach(self) -> None:
        """Hand callbacks to nobody, because the pool closes."""
        ...
