"""The options of HTTP: time-outs, size limits, proxy, User-Agent, and the check of the API's address.

Requests are sent in `transport`.
"""

from __future__ import annotations

import platform
import re
from typing import Any

import aiohttp
import attrs
from yarl import URL

from ..errors import ConfigurationError
from ..settings import check_count, check_seconds
from ..version import __version__
from ..wire import RequestKind

USER_AGENT = f"evolink-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"

# What requests append to the address. A gateway may have a /v1 of its own in front of other names.
_API_PATH = re.compile(r"(?:/api/v1/files\b.*|/v1(?:/(?:catalog|credits|images|tasks|videos)\b.*)?)$")


# attrs types the value of a validator as Any.
def _check_proxy(_: object, __: object, value: Any) -> None:  # noqa: ANN401
    url = proxy_or_none(value)
    if value is not None and (url is None or url.scheme not in ("http", "https")):
        raise ConfigurationError("HttpOptions.proxy must be an absolute URL, such as http://proxy.example:3128")


def _check_user_agent(_: object, __: object, value: Any) -> None:  # noqa: ANN401
    if value is not None and not (isinstance(value, str) and value and value.isascii() and value.isprintable()):
        raise ConfigurationError(f"HttpOptions.user_agent must be printable ASCII, not {value!r}")


def _url_or_none(text: object) -> URL | None:
    try:
        url = URL(text.strip()) if isinstance(text, str) else None
        # A host that is no text in IDNA is noticed only where it is read.
        return url if url is not None and url.host and " " not in url.host else None
    except ValueError:
        return None


def proxy_or_none(text: object) -> URL | None:
    """Return the URL of a proxy; None if a text is none.

    An @ behind the host is the end of a password with a character that has to be quoted: what is in front of that
    would be taken for the host.
    """
    url = _url_or_none(text)
    return None if url is None or "@" in str(url.relative()) else url


@attrs.frozen(kw_only=True)
class HttpOptions:
    """Time-outs and limits of HTTP. All times are in seconds and above 0.

    Attributes:
        connect_timeout: For TCP and TLS together; a request that exceeds it was not delivered. The name look-up counts
            towards the time-out of the whole request instead.
        submit_timeout: For a whole submit. Long, because a submit that is cut short is in doubt.
        poll_timeout: For a whole status request, and any other request to the API.
        upload_timeout: For one attempt at an upload: 300 s carry 95 MB over a line of 2.6 Mbit/s.
        download_read_timeout: Between two pieces of a result file, and before the first one, for which there is also
            `RetryPolicy.patience`; a whole download has no time limit.
        max_body_bytes: Largest API answer that is read, in bytes after decompression.
        max_download_bytes: Largest result file that is saved, in bytes.
        trust_env: Whether to use the proxies that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name, or those of the
            operating system. Passwords of a .netrc file are never used.
        proxy: URL of an HTTP proxy for the API and for downloads.
        user_agent: Name of your application; sent before the User-Agent of the library.
        session: An aiohttp session of your own for API calls; it is not closed and not changed. Keep it open as long as
            the pool: once it is closed, no task is polled and no job is sent. It cannot have `auth`. Of a submit that
            fails over it, it is not known whether a byte was sent, so that more of them are in doubt: over a kept-alive
            connection that the service has just closed; if the wait for a free connection is longer than
            `submit_timeout`; if aiohttp refuses the request, as for a password in `.netrc` with its `trust_env`. Its
            middlewares are not used for submits: one that repeats a request would pay for it twice.
        allow_private_results: Whether to download results over plain http and from loopback or private addresses, where
            the emulator serves them. Leave it off with the real service.

    Raises:
        ConfigurationError: A value is out of range, or `proxy` or `user_agent` cannot be used.
    """

    connect_timeout: float = attrs.field(default=10.0, validator=check_seconds)
    submit_timeout: float = attrs.field(default=60.0, validator=check_seconds)
    poll_timeout: float = attrs.field(default=20.0, validator=check_seconds)
    upload_timeout: float = attrs.field(default=300.0, validator=check_seconds)
    download_read_timeout: float = attrs.field(default=60.0, validator=check_seconds)
    max_body_bytes: int = attrs.field(default=8 << 20, validator=check_count)
    max_download_bytes: int = attrs.field(default=4 << 30, validator=check_count)
    trust_env: bool = False
    # Not in the repr: the URL may contain a password.
    proxy: str | None = attrs.field(default=None, repr=False, validator=_check_proxy)
    user_agent: str | None = attrs.field(default=None, validator=_check_user_agent)
    session: aiohttp.ClientSession | None = attrs.field(default=None, repr=False)
    allow_private_results: bool = False

    def timeout(self, kind: RequestKind) -> float:
        """Return the seconds that an API call of this kind may take."""
        return {"submit": self.submit_timeout, "upload": self.upload_timeout}.get(kind, self.poll_timeout)

    @property
    def agent(self) -> str:
        """The User-Agent header."""
        # Not an f-string, which writes a member of an enum by its name.
        return " ".join((self.user_agent, USER_AGENT)) if self.user_agent else USER_AGENT


def base_url(text: str) -> URL:
    """Check the address of the API and return it as a URL.

    Raises:
        ConfigurationError: It is not an absolute https URL, or contains a user name, query or fragment, or a path of
            the API. Plain http is allowed for loopback only, because the request carries the API key.
    """
    url = _url_or_none(text)
    if url is None or url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ConfigurationError(f"the base URL must be absolute, such as https://api.evolink.ai, not {text!r}")
    if url.user or url.password:
        raise ConfigurationError("the base URL must not contain a user name or password")
    if url.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(f"the base URL must be https to protect the API key, unless it is loopback: {text!r}")
    if (path := _API_PATH.search(url.path.rstrip("/"))) is not None:
        raise ConfigurationError(f"the base URL {text!r} is too long: leave out {path[0]}, the library adds it")
    return url


def is_loopback(url: URL) -> bool:
    """Whether a URL points to this machine."""
    return url.host in ("localhost", "127.0.0.1", "::1")
