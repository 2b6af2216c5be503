"""HTTP: one account, one request at a time."""

from .api_key import ApiKey
from .options import HttpOptions, base_url, is_loopback
from .outage_gate import OutageGate
from .retry import Resend, delays
from .session import AnySession, Session, choose, suspension_error
from .transport import AiohttpTransport, Transport, describe_failure

__all__ = (
    "AiohttpTransport",
    "AnySession",
    "ApiKey",
    "HttpOptions",
    "OutageGate",
    "Resend",
    "Session",
    "Transport",
    "base_url",
    "choose",
    "delays",
    "describe_failure",
    "is_loopback",
    "suspension_error",
)
