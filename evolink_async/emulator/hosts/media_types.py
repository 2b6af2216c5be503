"""The media type of a file, by its first bytes.

What happens with the file is in `file_service`.
"""

from __future__ import annotations

# The first match counts, so the narrow signatures of one container come before the wide one.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    # offset, bytes, media type
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
)


def media_type(content: bytes, declared: str) -> str | None:
    """Return the media type of a file that the service accepts, or None.

    Accepts JPEG, PNG, GIF and WebP images by their first bytes, and every file that is, or is declared as, audio or
    video. The pages name these four image types; the model pages and EvoLink's clients upload audio and video too.

    Args:
        content: The file.
        declared: The type that the request states; may be empty.
    """
    for offset, signature, kind in _SIGNATURES:
        if content[offset : offset + len(signature)] == signature:
            return kind
    declared = declared.partition(";")[0].strip().lower()
    return declared if content and declared.startswith(("audio/", "video/")) else None
