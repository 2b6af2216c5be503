"""Media files: the rules of models for them, and the measured facts about them.

Uploading is in `uploads`.
"""

from .local_media import FILE_PREFIX, LocalMedia, Media, files_in, is_unicode, media_in, printable, replace_media
from .probe import TEXT, UnreadableError, format_of, is_media_format, measure, missing_libraries, opened
from .rules import MB, SLACK_SECONDS, MediaFacts, MediaRule, in_seconds, lengths, media_faults
from .uploaded import Upload

__all__ = (
    "FILE_PREFIX",
    "MB",
    "SLACK_SECONDS",
    "TEXT",
    "LocalMedia",
    "Media",
    "MediaFacts",
    "MediaRule",
    "UnreadableError",
    "Upload",
    "files_in",
    "format_of",
    "in_seconds",
    "is_media_format",
    "is_unicode",
    "lengths",
    "measure",
    "media_faults",
    "media_in",
    "missing_libraries",
    "opened",
    "printable",
    "replace_media",
)
