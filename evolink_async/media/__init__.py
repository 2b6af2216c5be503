"""Media files: the rules of models for them, and the measured facts about them.

Uploading is in `uploads`.
"""

from .local_media import FILE_SIGN, LocalMedia, Media, changed, files_in, is_unicode, places, printable
from .probe import UnreadableError, measure, missing_libraries, opened
from .rules import MB, SLACK_SECONDS, MediaFacts, MediaRule, in_seconds, lengths, media_faults
from .uploaded import Upload

__all__ = (
    "FILE_SIGN",
    "MB",
    "SLACK_SECONDS",
    "LocalMedia",
    "Media",
    "MediaFacts",
    "MediaRule",
    "UnreadableError",
    "Upload",
    "changed",
    "files_in",
    "in_seconds",
    "is_unicode",
    "lengths",
    "measure",
    "media_faults",
    "missing_libraries",
    "opened",
    "places",
    "printable",
)
