"""How HTTP is spoken: time-outs, caps, proxies, and the addresses that a key may be sent to.

Nothing is sent here.
"""

from __future__ import annotations

import platform
from typing import Any

import aiohttp
import attrs
from yarl import URL

from ..errors import ConfigurationError
from ..settings import check_count, check_seconds
from ..version import __version__
from ..wire import RequestKind

USER_AGENT = f"evolink-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"


def _check_proxy(_: object, __: object, value: Any) -> None:  # noqa: ANN401  # attrs types validators so
    url = _url_or_none(value) if isinstance(value, str) else None
    if value is not None and (url is None or url.scheme not in ("http", "https") or not url.host):
        raise ConfigurationError("HttpOptions.proxy must be an absolute URL, as http://proxy.example:3128")


def _check_user_agent(_: object, __: object, value: Any) -> None:  # noqa: ANN401  # as above
    if value is not None and not (isinstance(value, str) and value and value.isascii() and value.isprintable()):
        raise ConfigurationError(f"HttpOptions.user_agent must be printable ASCII, not {value!r}")


def _url_or_none(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


@attrs.frozen(kw_only=True)
class HttpOptions:
    """How the library speaks HTTP. Times are seconds.

    Attributes:
        connect_timeout: For TCP and TLS together; the request was not delivered when it ends. Looking a name up
            counts towards the whole.
        submit_timeout: For a whole submit. Long, because a submit cut short is one whose outcome is unknown.
        poll_timeout: For a whole look.
        upload_timeout: For one try at a whole upload: five minutes carry 95 MB over a line of 2.6 Mbit/s.
        download_read_timeout: Between two pieces of a result file; its whole length has no limit in time.
        max_body_bytes: Longest API answer read, after decompression.
        max_download_bytes: Longest result file saved.
        trust_env: Obey HTTP_PROXY, HTTPS_PROXY and .netrc, as aiohttp does.
        proxy: URL of an HTTP proxy for the API and for downloads.
        user_agent: Put before our own User-Agent; say who you are.
        session: Your own aiohttp session for API calls; it is never closed and never changed. With it, connections
            of submits may be kept-alive ones, so a stale one can turn a submit into an unknown outcome.
        allow_private_results: Fetch results from plain http and from loopback or private addresses too, as the
            emulator serves them. Leave it off against the real service.

    Raises:
        ConfigurationError: A number is out of range.
    """

    connect_timeout: float = attrs.field(default=10.0, validator=check_seconds)
    submit_timeout: float = attrs.field(default=60.0, validator=check_seconds)
    poll_timeout: float = attrs.field(default=20.0, validator=check_seconds)
    upload_timeout: float = attrs.field(default=300.0, validator=check_seconds)
    download_read_timeout: float = attrs.field(default=60.0, validator=check_seconds)
    max_body_bytes: int = attrs.field(default=8 << 20, validator=check_count)
    max_download_bytes: int = attrs.field(default=4 << 30, validator=check_count)
    trust_env: bool = False
    proxy: str | None = attrs.field(default=None, repr=False, validator=_check_proxy)  # may hold a password
    user_agent: str | None = attrs.field(default=None, validator=_check_user_agent)
    session: aiohttp.ClientSession | None = attrs.field(default=None, repr=False)
    allow_private_results: bool = False

    def timeout(self, kind: RequestKind) -> aiohttp.ClientTimeout:
        """The bounds of one API call of this kind."""
        total = {"submit": self.submit_timeout, "upload": self.upload_timeout}.get(kind, self.poll_timeout)
        # Not `connect`: that would count waiting for one of our own connections as a failure to connect.
        return aiohttp.ClientTimeout(total=total, sock_connect=min(self.connect_timeout, total))

    @property
    def agent(self) -> str:
        """The User-Agent sent."""
        return f"{self.user_agent} {USER_AGENT}" if self.user_agent else USER_AGENT


def base_url(text: str) -> URL:
    """Check the address of the API.

    Raises:
        ConfigurationError: No absolute https URL; plain http is taken for loopback only, as the key travels there.
    """
    url = _url_or_none(text.strip())
    if url is None or url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ConfigurationError(f"the base URL must be absolute, as https://api.evolink.ai, not {text!r}")
    if url.user or url.password:
        raise ConfigurationError("the base URL must not hold a user name or password")
    if url.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(f"the base URL must be https, for the API key's sake, unless it is loopback: {text!r}")
    return url


def is_loopback(url: URL) -> bool:
    """Whether an address leads to this machine."""
    return url.host in ("localhost", "127.0.0.1", "::1")
