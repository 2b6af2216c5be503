"""Which proxy a request goes through: the one of `HttpOptions`, or one of the environment if the user trusts it.

Plain decisions; connections are opened in `connections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import getproxies, proxy_bypass

import attrs
from yarl import URL

from ..errors import ConfigurationError
from .options import HttpOptions, proxy_or_none

_SCHEMES = ("http", "https", "all")


@attrs.frozen
class Proxies:
    """The proxies by the scheme of what they are for.

    Attributes:
        fixed: The proxy of `HttpOptions`, for everything.
        by_scheme: Those of the environment.
    """

    # Not in the repr: the URLs may contain passwords.
    fixed: str | None = attrs.field(default=None, repr=False)
    by_scheme: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)

    @classmethod
    def of(cls, options: HttpOptions) -> Proxies:
        """Read the options, and the environment if they trust it.

        Raises:
            ConfigurationError: A variable of the environment names no proxy that can be used.
        """
        if options.proxy is not None or not options.trust_env:
            return cls(options.proxy and options.proxy.strip())
        found = getproxies()
        proxies = {scheme: proxy for scheme in _SCHEMES if (proxy := found.get(scheme, "").strip())}
        for scheme, proxy in proxies.items():
            _check(scheme, proxy)
        return cls(None, proxies)

    def __bool__(self) -> bool:
        return self.fixed is not None or bool(self.by_scheme)

    def for_url(self, url: URL) -> str | None:
        """Return the proxy for a request; None for a direct connection."""
        if self.fixed is not None or not self.by_scheme:
            return self.fixed
        if proxy_bypass(url.host or ""):
            return None
        return self.by_scheme.get(url.scheme) or self.by_scheme.get("all")


def _check(scheme: str, proxy: str) -> None:
    _, sign, rest = proxy.partition("://")
    example = f"such as {scheme.upper()}_PROXY=http://proxy.example:3128"
    if not sign or not rest:
        raise ConfigurationError(
            f"the proxy for {scheme} in the environment has no http:// before it; write it in full, {example}"
        )
    # No message has the value, which can contain a password.
    url = proxy_or_none(proxy)
    if url is None:
        raise ConfigurationError(
            f"the proxy for {scheme} in the environment is no URL that can be used; write it in full, {example}"
        )
    if url.scheme not in ("http", "https"):
        raise ConfigurationError(
            f"the proxy for {scheme} in the environment speaks {url.scheme}; use one that speaks HTTP, {example}"
        )
