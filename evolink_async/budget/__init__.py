"""Credits: what is spent and held, what fits, and where jobs wait for it."""

from .account import Admitted, BudgetAccount
from .ledger import Ledger
from .price_class import PriceClass, price_class_of
from .waiting import BudgetQueue

__all__ = (
    "Admitted",
    "BudgetAccount",
    "BudgetQueue",
    "Ledger",
    "PriceClass",
    "price_class_of",
)
