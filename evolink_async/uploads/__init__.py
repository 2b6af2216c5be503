"""From local files to URLs."""

from .local_files import LocalFiles
from .preflight import Preflight, billed_input_seconds
from .uploads import Source, Uploads

__all__ = (
    "LocalFiles",
    "Preflight",
    "Source",
    "Uploads",
    "billed_input_seconds",
)
