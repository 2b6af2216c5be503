"""`CallbackReceiver`: makes callback URLs, and takes the calls from whichever server it is a part of.

The answers are decided in `answers`, tokens in `tokens`; the servers are in `asgi` and `aiohttp_routes`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from ssl import SSLContext
from urllib.parse import urlsplit

from aiohttp import web

from ..concurrency import TimeLimit
from ..errors import ConfigurationError
from ..params import CallbackUrl
from ..pool import Callback, TakeCallback
from .aiohttp_routes import route_for, server
from .answers import Head, read_body, refusal, task_named_in
from .asgi import Receive, Scope, Send, serve_asgi
from .tokens import MAX_TOKEN, is_token_of, purchase_of, token_for

MIN_SECRET = 16
"""Bytes of a secret at least."""
BODY_SECONDS = 5.0
"""Seconds within which a body must be complete; the service itself waits 10 s for an answer."""
# 64 bodies of 64 KiB are 4 MiB.
MAX_BODIES = 64
"""Bodies that are read at once."""


class CallbackReceiver:
    """Receives the callbacks of the service for one pool, in the pool's event loop.

    Give it to `SessionPool(callbacks=...)`, and make it a part of a server: `routes` for aiohttp, `asgi` for FastAPI
    and Starlette, `serve` for a server of its own. The pool then asks the service to call when a task has ended, and
    polls such a task when the call comes. In case calls are lost it polls seldom: once nine of ten like tasks have
    ended, at the latest after ten times `Cadence.max_interval` or half of the task's age. After three tasks without
    their call all are polled as usual, until one call arrives.

    A call with a forged token is answered with 404, whatever it holds. One with a genuine token leads to a poll, and to
    nothing else: its body is not believed, at most 64 KiB of it are read within 5 s, and repeats add no polls. A job in
    doubt is settled by a call that names a task if that task, read with our key, is of the job's model, was made since
    a minute before the job was sent, and belongs to no other job.

    Parameters with a `callback_url` of their own keep it, and `RawParams` are sent unchanged. Their tasks are polled as
    usual, and so are those of an earlier process.

    Args:
        public_url: The https URL at which the service reaches the receiver; tokens are added to its path.
        secret: 16 bytes or more that nobody else knows, the same in every process that shares the journal. With several
            secrets the first makes tokens, and all are taken, so that secrets can be replaced.

    Raises:
        ConfigurationError: The URL is not https, not public, too long, or has a query; or a secret is too short, or no
            text.

    Example:
        >>> async def main(receiver, shots):
        ...     async with SessionPool(callbacks=receiver) as pool, receiver.serve("127.0.0.1", 8080):
        ...         async for outcome in pool.run(shots):
        ...             print(outcome.key, outcome)
    """

    def __init__(self, public_url: str, secret: str | bytes | Sequence[str | bytes]) -> None:
        self._url = _checked_url(public_url)
        self._secrets = _checked_secrets(secret)
        self._take: TakeCallback | None = None
        self._bodies = 0

    def __repr__(self) -> str:
        return f"<CallbackReceiver {self._url}, {'attached' if self._take else 'not attached'}>"

    # --- as a pool sees it

    def url_for(self, key: str, purchase: str) -> str:
        """Return the callback URL of a purchase; always the same one. The pool calls it for each job.

        Args:
            key: The key of the job.
            purchase: The idempotency key of the purchase.
        """
        return f"{self._url}/{token_for(self._secrets[0], key, purchase)}"

    def attach(self, take: TakeCallback) -> None:
        """Hand callbacks to a pool from now on. The pool calls it when it opens.

        Raises:
            ConfigurationError: They are handed to another pool.
        """
        if self._take is not None:
            raise ConfigurationError("this receiver serves another pool; give each pool a receiver of its own")
        self._take = take

    def detach(self) -> None:
        """Hand callbacks to nobody. The pool calls it when it closes; the service is told to call again."""
        self._take = None

    # --- as a part of a server

    def routes(self, path: str | None = None) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application: `app.add_routes(receiver.routes())`.

        Args:
            path: Where the application sees the calls. Default: the path of the public URL.
        """
        return [self._route(path)]

    def _route(self, path: str | None) -> web.RouteDef:
        return route_for(self._answer, urlsplit(self._url).path if path is None else path.rstrip("/"))

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: an ASGI application, as in `app.mount("/evolink", receiver.asgi)`.

        Only the last part of the path is read, so it may be mounted anywhere.
        """
        await serve_asgi(self._answer, scope, receive, send)

    def serve(
        self, host: str | None = None, port: int = 8080, *, ssl_context: SSLContext | None = None
    ) -> AbstractAsyncContextManager[int]:
        """Serve calls as long as the context lasts, in a server of its own; the context gives the port.

        Leaving the context closes the server: calls under way have a second.

        Args:
            host: The address to listen on. Default: all.
            port: The port; 0 takes a free one.
            ssl_context: The certificate. Default: none, for a server behind a proxy that has it.

        Raises:
            OSError: The port is taken. Raised where the context is entered.
        """
        return server(self._route(None), host, port, ssl_context)

    async def _answer(self, head: Head, pieces: AsyncGenerator[bytes, None]) -> int:
        """Take a call and return the status that it is answered with."""
        purchase, take = purchase_of(self._secrets, head.token), self._take
        has_room = take is not None and self._bodies < MAX_BODIES
        refused = refusal(head, is_genuine=purchase is not None, has_room=has_room)
        if refused is not None or purchase is None or take is None:
            return refused or 404
        self._bodies += 1
        try:
            async with aclosing(pieces), TimeLimit(BODY_SECONDS):
                body = await read_body(pieces)
        except TimeoutError:
            return 408
        finally:
            self._bodies -= 1
        if body is None:
            return 413
        is_for = partial(is_token_of, self._secrets, head.token, purchase=purchase)
        return 204 if take(Callback(purchase, task_named_in(body), is_for)) else 503


def _checked_url(url: object) -> str:
    # Of a variable that is not set.
    if not isinstance(url, str):
        raise ConfigurationError(f"the public URL of a receiver must be a text, not {url!r}")
    place = url.rstrip("/")
    # The rule is that of `callback_url`, which the pool sets.
    faults = [*CallbackUrl(2048 - MAX_TOKEN - 1).faults(place, "public_url")]
    if faults or "?" in place or "#" in place:
        reason = str(faults[0]) if faults else f"must have no query and no fragment, not {url!r}"
        raise ConfigurationError(f"the public URL of a receiver: {reason}")
    return place


def _checked_secrets(given: str | bytes | Sequence[str | bytes]) -> tuple[bytes, ...]:
    try:
        secrets = [given] if isinstance(given, str | bytes) else list(given)
        # Not `bytes` alone, which makes zeros of a number.
        encoded = tuple([one.encode() if isinstance(one, str) else bytes(memoryview(one)) for one in secrets])
    except (TypeError, UnicodeEncodeError):
        encoded = ()
    if not encoded or any(len(one) < MIN_SECRET for one in encoded):
        raise ConfigurationError(f"the secret of a receiver has at least {MIN_SECRET} bytes: secrets.token_urlsafe()")
    return encoded
