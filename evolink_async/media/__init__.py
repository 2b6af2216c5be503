"""Media files: the rules of models for them, and the measured facts about them.

Uploading is in `uploads`.
"""

from .local_media import FILE_SIGN, LocalMedia, Media, changed, files_in, is_unicode, places, printable
from .probe import TEXT, UnreadableError, format_of, is_media_format, measure, missing_libraries, opened
from .rules import MB, SLACK_SECONDS, MediaFacts, MediaRule, in_seconds, lengths, media_faults
from .uploaded import Upload

__all__ = (
    "FILE_SIGN",
    "MB",
    "SLACK_SECONDS",
    "TEXT",
    "LocalMedia",
    "Media",
    "MediaFacts",
    "MediaRule",
    "UnreadableError",
    "Upload",
    "changed",
    "files_in",
    "format_of",
    "in_seconds",
    "is_media_format",
    "is_unicode",
    "lengths",
    "measure",
    "media_faults",
    "missing_libraries",
    "opened",
    "places",
    "printable",
)
