"""Credits: what is spent and held, what fits, and where jobs wait for it."""

from .account import Purse
from .ledger import Ledger, Shape, price_shape
from .waiting import Till

__all__ = (
    "Ledger",
    "Purse",
    "Shape",
    "Till",
    "price_shape",
)
