"""What jobs of one price have in common: the model, and every parameter that the price depends on.

What a class costs is learned in `account`; what the vendor's list says of it is in `price_list`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

import attrs

from ..json_text import Json

QUALITIES = ("360p", "480p", "540p", "720p", "1080p", "1440p", "2k", "2160p", "4k")
"""From the cheapest to the dearest."""

# Parameters that the price depends on, where the wire body has them. Source: the price notes of the model pages.
_PRICED = ("quality", "duration", "generate_audio", "size", "n")
_SINGLE_INPUTS = ("image_start", "image_end", "audio_url")
_INPUT_SECONDS = "input_seconds"
_QUOTED = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "% ="})
"""What separates the words of a price class as text."""


@attrs.frozen(cache_hash=True)
class PriceClass:
    """A model and its priced parameters, as sorted pairs of name and text.

    Attributes:
        model: The model's name.
        dimensions: Priced parameters by name; the number of inputs for lists of URLs.
    """

    model: str
    dimensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in self.dimensions]
        return " ".join([_quoted(self.model), *pairs])

    @classmethod
    def parse(cls, text: str) -> PriceClass:
        """Read what `str` wrote, as a journal keeps it."""
        model, *words = text.split(" ")
        pairs = [word.partition("=") for word in words]
        return cls(unquote(model), tuple(sorted((unquote(name), unquote(value)) for name, _, value in pairs)))

    def with_input_seconds(self, seconds: float) -> PriceClass:
        """Return the class of the same job when the billed seconds of its input are known."""
        pairs = {**dict(self.dimensions), _INPUT_SECONDS: f"{seconds:g}"}
        return attrs.evolve(self, dimensions=tuple(sorted(pairs.items())))

    def without_input_seconds(self) -> PriceClass:
        """Return the class of jobs like this one, however long their input is."""
        return attrs.evolve(self, dimensions=tuple(pair for pair in self.dimensions if pair[0] != _INPUT_SECONDS))

    def value(self, name: str) -> str | None:
        """Return a priced parameter; None if the body does not have it."""
        return dict(self.dimensions).get(name)

    @property
    def input_seconds(self) -> float | None:
        """Billed seconds of input, when they are known."""
        text = self.value(_INPUT_SECONDS)
        return float(text) if text is not None else None

    def is_at_least(self, other: PriceClass) -> bool:
        """Whether a job of this class is at least as large as one of `other` in every priced dimension.

        So its price is a ceiling for the price of the other. Classes with different parameters, or with values that
        have no order, such as `size`, cannot be compared: the answer is False.
        """
        mine, theirs = dict(self.dimensions), dict(other.dimensions)
        if self.model != other.model or mine.keys() != theirs.keys():
            return False
        return all(_is_at_least(name, mine[name], theirs[name]) for name in mine)


def price_class_of(body: Mapping[str, Json], billed_input_seconds: float | None = None) -> PriceClass:
    """Return the price class of a wire body.

    Args:
        body: The body.
        billed_input_seconds: Seconds of its local files that are billed; None if they are not known.
    """
    pairs: dict[str, str] = {name: str(body[name]) for name in _PRICED if name in body}
    for name, value in body.items():
        if name.endswith("_urls") and isinstance(value, list):
            pairs[name] = str(len(value))
        elif name in _SINGLE_INPUTS:
            pairs[name] = "1"
    price_class = PriceClass(str(body.get("model")), tuple(sorted(pairs.items())))
    return price_class if billed_input_seconds is None else price_class.with_input_seconds(billed_input_seconds)


def _is_at_least(name: str, mine: str, theirs: str) -> bool:
    if mine == theirs:
        return True
    if name == "quality":
        return mine in QUALITIES and theirs in QUALITIES and QUALITIES.index(mine) > QUALITIES.index(theirs)
    if name == "generate_audio":
        return mine == "True"
    try:
        # A duration of -1 lets the model choose, so it is no number of seconds to compare with.
        return name != "size" and float(mine) >= float(theirs) >= 0
    except ValueError:
        return False


# The words of a few classes come again with every job.
@lru_cache(1024)
def _quoted(word: str) -> str:
    return word.translate(_QUOTED)
