"""From result links to files."""

from .downloads import Downloads
from .folder import Folder, place_of
from .names import Exactly, Template
from .result_reader import ResultReader

__all__ = (
    "Downloads",
    "Exactly",
    "Folder",
    "ResultReader",
    "Template",
    "place_of",
)
