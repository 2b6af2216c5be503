"""What a saved video really is, read off the file with PyAV.

Nothing here knows jobs.
"""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Footage:
    """The facts of one video file.

    Attributes:
        width: Pixels.
        height: Pixels.
        seconds: Length of the picture track.
        has_audio: Whether there is a sound track.
        size_bytes: Of the file.
    """

    width: int
    height: int
    seconds: float
    has_audio: bool
    size_bytes: int


def footage_of(path: Path) -> Footage:
    """Open a video file and read its facts.

    Raises:
        OSError: It is not there, or no video.
    """
    import av

    with av.open(str(path)) as container:
        if not container.streams.video:
            raise OSError(f"{path} holds no video")
        track = container.streams.video[0]
        length = track.duration * track.time_base if track.duration and track.time_base else 0
        return Footage(
            width=track.width,
            height=track.height,
            seconds=float(length),
            has_audio=bool(container.streams.audio),
            size_bytes=path.stat().st_size,
        )
