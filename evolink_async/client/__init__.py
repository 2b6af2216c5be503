"""HTTP for one account: the connections, the API key, single requests, and the rules for sending again.

What is in a request and what an answer means is in `wire`; loops over many requests are in `submitting` and `polling`.
"""

from .accounts import AnySession, OwnSession
from .api_key import ApiKey
from .compression import PLAIN, PlainPieces
from .connections import open_session
from .failures import describe_failure
from .first_byte import FirstByte
from .key_health import KeyHealth
from .options import HttpOptions, base_url, is_loopback
from .outage_brake import OutageBrake
from .outage_state import Move, OutageState, Trouble, read_outage
from .price_catalogue import PriceCatalogue
from .proxies import Proxies
from .retry import Resend, delays
from .session import Session, choose, suspension_error
from .transport import AiohttpTransport, Transport

__all__ = (
    "PLAIN",
    "AiohttpTransport",
    "AnySession",
    "ApiKey",
    "FirstByte",
    "HttpOptions",
    "KeyHealth",
    "Move",
    "OutageBrake",
    "OutageState",
    "OwnSession",
    "PlainPieces",
    "PriceCatalogue",
    "Proxies",
    "Resend",
    "Session",
    "Transport",
    "Trouble",
    "base_url",
    "choose",
    "delays",
    "describe_failure",
    "is_loopback",
    "open_session",
    "read_outage",
    "suspension_error",
)
