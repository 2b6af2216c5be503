"""A page that shows what a journal holds: films, costs, failures, doubts and times, as one file or live.

It reads the journal, and writes the page and nothing else. It needs the extra `report`; posters need `media` too.
"""

from .live import DashboardServer
from .writing import write_report

__all__ = ("DashboardServer", "write_report")
