"""What was bought, who wants it, and in which state it is. Nothing waits here, and nothing is sent."""

from .book import Book, End
from .purchase import Purchase, withdrawn
from .transitions import Event, State, diagram, sources, target

__all__ = (
    "Book",
    "End",
    "Event",
    "Purchase",
    "State",
    "diagram",
    "sources",
    "target",
    "withdrawn",
)
