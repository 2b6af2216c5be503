"""Credits: what is spent and held, what fits, where jobs wait for it, and what jobs will cost.

Whether a job may be sent for any other reason is decided in `submitting`.
"""

from .account import Admitted, Balance, BudgetAccount
from .estimates import Estimate, JobPrice, PriceLine, PriceSource, UnknownPrice
from .ledger import Ledger
from .price_class import PriceClass, price_class_of
from .pricing import KnownPrices, PriceBasis, estimate, price_of
from .refusals import lacking, never_priced, too_dear
from .shared import CreditAnswer, CreditRequest, SharedAccount, Wait, larger_classes, listed_units
from .shared_waiting import SharedBudgetQueue
from .units import UNITS, units_of
from .waiting import BudgetQueue

__all__ = (
    "UNITS",
    "Admitted",
    "Balance",
    "BudgetAccount",
    "BudgetQueue",
    "CreditAnswer",
    "CreditRequest",
    "Estimate",
    "JobPrice",
    "KnownPrices",
    "Ledger",
    "PriceBasis",
    "PriceClass",
    "PriceLine",
    "PriceSource",
    "SharedAccount",
    "SharedBudgetQueue",
    "UnknownPrice",
    "Wait",
    "estimate",
    "lacking",
    "larger_classes",
    "listed_units",
    "never_priced",
    "price_class_of",
    "price_of",
    "too_dear",
    "units_of",
)
