"""Reads size, length and sound of a saved video with PyAV, for the closing table of `demo`.

The table itself is in `demo_table`.
"""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class VideoFacts:
    """What one video file holds.

    Attributes:
        width: Pixels.
        height: Pixels.
        seconds: Length of the video track.
        has_audio: Whether there is an audio track.
        size_bytes: Size of the file.
    """

    width: int
    height: int
    seconds: float
    has_audio: bool
    size_bytes: int


def read_video(path: Path) -> VideoFacts:
    """Open a video file and read its facts; no frame is decoded.

    Raises:
        OSError: The file does not exist, or is not a video.
    """
    # Imported here: PyAV belongs to the extra `media`, which other commands work without.
    import av

    with av.open(str(path)) as container:
        if not container.streams.video:
            raise OSError(f"{path} holds no video")
        track = container.streams.video[0]
        # Some containers do not name the length of a track.
        length = track.duration * track.time_base if track.duration and track.time_base else 0
        return VideoFacts(
            width=track.width,
            height=track.height,
            seconds=float(length),
            has_audio=bool(container.streams.audio),
            size_bytes=path.stat().st_size,
        )
