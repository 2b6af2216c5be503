"""From result links to files."""

from .downloads import Downloads
from .existing_files import has_files
from .folder import Folder, place_of
from .names import Exactly, Template
from .result_reader import ResultReader

__all__ = (
    "Downloads",
    "Exactly",
    "Folder",
    "ResultReader",
    "Template",
    "has_files",
    "place_of",
)
