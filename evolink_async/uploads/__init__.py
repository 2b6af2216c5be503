"""Local files to links: checking, measuring and uploading them before a job is submitted."""

from .local_files import LocalFiles
from .media_check import billed_input_seconds, input_seconds
from .preflight import Preflight
from .uploads import Source, Uploads

__all__ = (
    "LocalFiles",
    "Preflight",
    "Source",
    "Uploads",
    "billed_input_seconds",
    "input_seconds",
)
