"""The token in a callback URL: a purchase, and the proof that it was made with a secret of ours for one job.

Nothing is read or sent here. A token is checked without a look-up, so that a forged one costs next to nothing.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

TAG_BYTES = 12
"""Bytes that stand for the key of the job, which is not sent to the service itself."""
MAC_BYTES = 24
"""Bytes of the proof: as hard to guess as a random number of 192 bits."""
MAX_TOKEN = 200
"""Characters of a token at most; the idempotency key of a purchase has up to 96."""


def token_for(secret: bytes, key: str, purchase: str) -> str:
    """Return the token of a purchase. Equal arguments give equal tokens.

    Args:
        secret: What the token is made with.
        key: The key of the job.
        purchase: The idempotency key of the purchase.
    """
    return _token(secret, purchase, _mac(secret, b"job", key.encode())[:TAG_BYTES])


def purchase_of(secrets: Sequence[bytes], token: str) -> str | None:
    """Return the purchase that a token was made for with one of the secrets; None for a forged one.

    The time that it takes depends on the length of the token alone.
    """
    purchase, _, proof = token.rpartition(".")
    if len(token) > MAX_TOKEN or not purchase:
        return None
    try:
        tag = urlsafe_b64decode(proof)[:TAG_BYTES]
    except (binascii.Error, ValueError):
        return None
    return purchase if _is_among([_token(secret, purchase, tag) for secret in secrets], token) else None


def is_token_of(secrets: Sequence[bytes], token: str, key: str, purchase: str) -> bool:
    """Whether a token was made with one of the secrets for this job and this purchase."""
    return _is_among([token_for(secret, key, purchase) for secret in secrets], token)


def _is_among(tokens: Sequence[str], token: str) -> bool:
    # All are compared, so that the time does not tell which secret is in use.
    return sum([hmac.compare_digest(one.encode(), token.encode()) for one in tokens]) > 0


def _token(secret: bytes, purchase: str, tag: bytes) -> str:
    proof = tag + _mac(secret, b"purchase", tag + purchase.encode())[:MAC_BYTES]
    return f"{purchase}.{urlsafe_b64encode(proof).decode()}"


def _mac(secret: bytes, use: bytes, text: bytes) -> bytes:
    # The use keeps a tag from being a valid proof. It has a fixed place and no zero byte.
    return hmac.digest(secret, use + b"\0" + text, "sha256")
