"""Credits: what is spent and held, what fits, and where jobs wait for it."""

from .account import BudgetAccount
from .ledger import Ledger, PriceClass, price_class
from .waiting import BudgetQueue

__all__ = (
    "BudgetAccount",
    "BudgetQueue",
    "Ledger",
    "PriceClass",
    "price_class",
)
