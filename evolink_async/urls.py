"""Checks of URLs: whether a text is a web address, whether its host is public, and what in it must be quoted.

Only the text is checked. Names are not resolved here; `client` and `downloads` do that.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from urllib.parse import quote, urlsplit

__all__ = (
    "is_public_host",
    "quoted",
    "unquoted_character",
    "web_host",
)

# Every character outside RFC 3986. Parsers also disagree on the host of a URL with a backslash or a quote.
_FOREIGN = re.compile(r"[^!#-;=?-\[\]_a-z~]")
_HOME_NAMES = ("localhost", "local", "internal")
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Networks whose addresses end with an IPv4 address: compatible, mapped, translated, and NAT64.
_V4_INSIDE = tuple(IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
_NUMBER = re.compile(r"0x(?P<hex>[0-9a-f]{0,16})|0(?P<octal>[0-7]{0,16})|(?P<decimal>[1-9][0-9]{0,16})")


def unquoted_character(url: str) -> str | None:
    """Return the first character of a URL that must be percent-encoded; None if there is none."""
    found = _FOREIGN.search(url)
    return found[0] if found else None


def web_host(url: str) -> str | None:
    """Return the host of an absolute http or https URL, in lower case; None if `url` is not one.

    The text must be a URI by RFC 3986: spaces, control characters and characters outside ASCII are
    percent-encoded.
    """
    if unquoted_character(url) is not None:
        return None
    try:
        parts = urlsplit(url)
        # Reading the port also checks it: it raises for a number out of range.
        if parts.scheme not in ("http", "https") or parts.port == 0:
            return None
        return parts.hostname or None
    except ValueError:
        # A port that is not a number, or a bracket without its partner.
        return None


def is_public_host(host: str) -> bool:
    """Whether the text of `host` allows that it is public.

    Not public are local names (`localhost`, `*.localhost`, `*.local`, `*.internal`) and every loopback, private,
    link-local, multicast or reserved address, in any spelling: `127.1`, `0x7f000001`, `2130706433`,
    `::ffff:127.0.0.1`, `64:ff9b::7f00:1`. Other names count as public, whatever they resolve to.
    """
    name = host.lower().removesuffix(".")
    # A zone makes an IPv6 address link-local, and no public host needs percent-encoding.
    if "%" in name or not name:
        return False
    last_label = name.rsplit(".", 1)[-1]
    if ":" in name:
        return _is_public(_ipv6(name))
    # The last label of a name is never a number, so this is an IPv4 address or invalid.
    if _LOOKS_NUMERIC.fullmatch(last_label):
        return _is_public(_ipv4(name))
    return last_label not in _HOME_NAMES


def _is_public(address: IPv4Address | IPv6Address | None) -> bool:
    if address is None:
        return False
    # A gateway forwards such an address to the IPv4 address in it, which can be a private one.
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 address that is mapped, 6to4, NAT64 or translated."""
    if any(address in network for network in _V4_INSIDE):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _ipv6(name: str) -> IPv6Address | None:
    try:
        return IPv6Address(name)
    except ValueError:
        return None


def _ipv4(name: str) -> IPv4Address | None:
    """Read an IPv4 address as `inet_aton` does: one to four parts, each decimal, octal or hex."""
    parts = [_number(part) for part in name.split(".")]
    numbers = [part for part in parts if part is not None]
    if len(parts) > 4 or len(numbers) < len(parts):
        return None
    # The last part fills all bytes that the others leave: 127.1 is 127.0.0.1.
    *heads, tail = numbers
    room = 4 - len(heads)
    if any(head > 255 for head in heads) or tail >= 256**room:
        return None
    return IPv4Address(bytes(heads) + tail.to_bytes(room))


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    if found["hex"] is not None:
        return int(found["hex"] or "0", 16)
    return int(found["octal"] or "0", 8) if found["octal"] is not None else int(found["decimal"])


# What may stand in a path, a query or a fragment (RFC 3986, sections 2.2 and 2.3), and the sign of what is quoted.
_ALLOWED = "/?#[]@!$&'()*+,;=:-._~%"
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def quoted(link: str) -> str:
    """Return a link, or the path of one, in which every character is quoted that a request cannot hold, and no other.

    What is quoted already stays as it is, to the letter: a signature covers it. A host name in another script becomes
    its ASCII form.

    Raises:
        ValueError: The host has no ASCII form.
    """
    scheme, separator, rest = link.strip().partition("://")
    if not separator or not scheme.isalpha():
        return _quoted_path(link.strip())
    end = next((place for place, sign in enumerate(rest) if sign in "/?#"), len(rest))
    authority, path = rest[:end], rest[end:]
    if not authority.isascii():
        user, sign, host = authority.rpartition("@")
        name, colon, port = host.partition(":")
        authority = f"{user}{sign}{name.encode('idna').decode()}{colon}{port}"
    return f"{scheme}{separator}{authority}{_quoted_path(path)}"


def _quoted_path(path: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", path), safe=_ALLOWED)
