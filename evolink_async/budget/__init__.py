"""Credits: what is spent and held, what fits, where jobs wait for it, and what jobs will cost."""

from .account import Admitted, Balance, BudgetAccount
from .estimates import Estimate, JobPrice, PriceLine, PriceSource, UnknownPrice
from .ledger import Ledger
from .price_class import PriceClass, price_class_of
from .pricing import KnownPrices, PriceBasis, estimate, price_of
from .units import UNITS
from .waiting import BudgetQueue

__all__ = (
    "UNITS",
    "Admitted",
    "Balance",
    "BudgetAccount",
    "BudgetQueue",
    "Estimate",
    "JobPrice",
    "KnownPrices",
    "Ledger",
    "PriceBasis",
    "PriceClass",
    "PriceLine",
    "PriceSource",
    "UnknownPrice",
    "estimate",
    "price_class_of",
    "price_of",
)
