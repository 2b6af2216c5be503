"""What was bought, who wants it, and in which state it is. Nothing waits here, and nothing is sent."""

from .book import Book, End
from .expected_calls import ExpectedCalls, UrlFor
from .fresh_tasks import FreshTasks
from .purchase import Purchase, withdrawn
from .rebuying import may_rebuy
from .transitions import RecordState, Transition, diagram, sources, target

__all__ = (
    "Book",
    "End",
    "ExpectedCalls",
    "FreshTasks",
    "Purchase",
    "RecordState",
    "Transition",
    "UrlFor",
    "diagram",
    "may_rebuy",
    "sources",
    "target",
    "withdrawn",
)
