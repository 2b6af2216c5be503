"""HTTP: one account, one request at a time."""

from .api_key import ApiKey
from .gate import Gate
from .options import HttpOptions, base_url, is_loopback
from .retry import Resend, delays
from .session import AnySession, Session, benched_error, choose
from .transport import AiohttpTransport, Transport

__all__ = (
    "AiohttpTransport",
    "AnySession",
    "ApiKey",
    "Gate",
    "HttpOptions",
    "Resend",
    "Session",
    "Transport",
    "base_url",
    "benched_error",
    "choose",
    "delays",
    "is_loopback",
)
