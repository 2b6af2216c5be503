"""From local files to URLs."""

from .local_files import Hosting
from .preflight import Preflight, billed_input_seconds
from .uploads import Source, Uploads

__all__ = (
    "Hosting",
    "Preflight",
    "Source",
    "Uploads",
    "billed_input_seconds",
)
