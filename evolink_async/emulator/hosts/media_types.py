"""Which type of media some bytes are, by their first bytes.

Pure; nothing here stores or refuses.
"""

from __future__ import annotations

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    # offset, bytes, type; the first match counts, so the narrow forms of one container come first
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
    """Return the type of a file the service takes, or None.

    The pages name jpeg, png, gif and webp; the model pages and EvoLink's clients send videos and audio there
    too. Pictures must be what they look like; other audio and video forms are taken at their sender's word.

    Args:
        content: The file.
        declared: The type its sender states, may be empty.
    """
    for offset, magic, kind in _MAGIC:
        if content[offset : offset + len(magic)] == magic:
            return kind
    declared = declared.partition(";")[0].strip().lower()
    return declared if content and declared.startswith(("audio/", "video/")) else None
