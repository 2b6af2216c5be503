"""Local files to links: checking, measuring and uploading them before a job is submitted.

What a model allows is in `models` and `media`; links are stored in `journal`.
"""

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
