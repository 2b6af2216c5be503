"""What a media file must be, and what it is."""

from .probe import UnreadableError, measure, opened
from .rules import (
    FILE_SIGN,
    MB,
    SLACK_SECONDS,
    LocalMedia,
    Media,
    MediaFacts,
    MediaRule,
    changed,
    files_in,
    in_seconds,
    lengths,
    media_faults,
    places,
)
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
    "lengths",
    "measure",
    "media_faults",
    "opened",
    "places",
)
