"""Result links to files: reading them, naming them, and saving them in a folder.

Which results are saved, and when, is decided in `pool`.
"""

from .downloads import Downloads
from .existing_files import has_files
from .file_owners import Published
from .folder import Folder, place_of
from .result_reader import ResultReader
from .templates import Exactly, Template

__all__ = (
    "Downloads",
    "Exactly",
    "Folder",
    "Published",
    "ResultReader",
    "Template",
    "has_files",
    "place_of",
)
