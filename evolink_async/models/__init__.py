"""One class per model, under the vendor's name, with the rules of the vendor's page.

Importing this package registers the classes. How rules are applied is in `params`.
"""

from .wan25 import Wan25ImageToImage, Wan25ImageToVideo, Wan25TextToImage, Wan25TextToVideo
from .wan26 import (
    Wan26ImageToVideo,
    Wan26ImageToVideoFlash,
    Wan26ReferenceVideo,
    Wan26ReferenceVideoFlash,
    Wan26TextToVideo,
)
from .wan27 import Wan27ImageToVideo, Wan27TextToVideo
from .wan27_references import Wan27ReferenceVideo, Wan27VideoEdit
from .wan30 import (
    Wan30ImageToVideo,
    Wan30PrimeImageToVideo,
    Wan30PrimeReferenceVideo,
    Wan30PrimeTextToVideo,
    Wan30ReferenceVideo,
    Wan30TextToVideo,
)

__all__ = (
    "Wan25ImageToImage",
    "Wan25ImageToVideo",
    "Wan25TextToImage",
    "Wan25TextToVideo",
    "Wan26ImageToVideo",
    "Wan26ImageToVideoFlash",
    "Wan26ReferenceVideo",
    "Wan26ReferenceVideoFlash",
    "Wan26TextToVideo",
    "Wan27ImageToVideo",
    "Wan27ReferenceVideo",
    "Wan27TextToVideo",
    "Wan27VideoEdit",
    "Wan30ImageToVideo",
    "Wan30PrimeImageToVideo",
    "Wan30PrimeReferenceVideo",
    "Wan30PrimeTextToVideo",
    "Wan30ReferenceVideo",
    "Wan30TextToVideo",
)
