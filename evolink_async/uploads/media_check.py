"""The media of parameters against the rules of their model.

Values only: what a file is, is measured in `measured_file` and `remote_media`. The rules are in `media` and `models`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import attrs

from ..errors import InvalidValue, PreflightError
from ..media import SLACK_SECONDS, LocalMedia, MediaFacts, MediaRule, UnreadableError, media_faults, media_in, printable
from ..params import AnyParams, NamedFile, Params

Measured: TypeAlias = MediaFacts | UnreadableError
"""What a file is, or why it cannot be measured."""


@attrs.frozen
class MediaPlace:
    """A place in a wire body that holds a file or a URL.

    Attributes:
        path: The place, as in `video_urls[0]`.
        rule: What the model takes there.
        media: What is there.
    """

    path: str
    rule: MediaRule
    media: str | LocalMedia


def media_places(params: Params) -> Iterator[MediaPlace]:
    """Return every place of the parameters that holds media, in the order of the fields."""
    for field in params.media_fields:
        for path, media in media_in(getattr(params, field.name), field.path):
            yield MediaPlace(path, cast("MediaRule", field.media), media)


def check_media(params: Params, findings: Mapping[str | LocalMedia, Measured]) -> Mapping[str, MediaFacts]:
    """Return the facts by place, if no rule is broken.

    Args:
        params: The parameters.
        findings: What is known of their media; media without a finding are not checked.

    Raises:
        PreflightError: Media are unreadable, or break the rules of the model; the error lists all of them.
    """
    facts, faults = judge(media_places(params), findings)
    faults += params.between_media(facts)
    if faults:
        raise PreflightError(faults, model=params.model)
    return facts


def judge(
    found: Iterable[MediaPlace | NamedFile], findings: Mapping[str | LocalMedia, Measured]
) -> tuple[dict[str, MediaFacts], list[InvalidValue]]:
    """Return the facts by place, and what breaks the rule of its place.

    Args:
        found: Places that hold media.
        findings: What is known of the media; media without a finding are not checked.
    """
    facts: dict[str, MediaFacts] = {}
    faults: list[InvalidValue] = []
    for place in found:
        finding = findings.get(place.media)
        # A URL is not repeated in the error, as it may be signed; its place tells which one it is.
        name = f"{printable(place.media.path)} " if isinstance(place.media, LocalMedia) else ""
        if isinstance(finding, UnreadableError):
            faults.append(InvalidValue(place.path, f"{name}{finding}"))
        elif finding is not None:
            facts[place.path] = finding
            broken = media_faults(place.rule, finding, place.path)
            faults += [InvalidValue(fault.path, f"{name}{fault.what}") for fault in broken]
    return facts, faults


def billed_input_seconds(params: AnyParams, facts: Mapping[str, MediaFacts]) -> float | None:
    """Return the seconds of input that are billed on top of the output.

    Args:
        params: What to make.
        facts: What is known of its files, as `Preflight.facts_of` or `Preflight.remote` returns it.

    Returns:
        None if the model does not bill its input, is not known, or the length of a clip is not known.
    """
    count = _counted(params)
    if count is None:
        return None
    clips = [place.path for place in media_places(cast("Params", params)) if place.rule.kind == "video"]
    lengths = [facts[path].seconds if path in facts else None for path in clips]
    known = [seconds for seconds in lengths if seconds is not None]
    # A sum without one of the clips would be too low a price, so no sum is given.
    return count(known) if len(known) == len(lengths) else None


def input_seconds(params: AnyParams, facts: Mapping[str, MediaFacts]) -> tuple[float, float] | None:
    """Return the fewest and the most seconds of input videos that the price may depend on.

    A clip whose length is not known has the lengths that the model takes.

    Args:
        params: What to make.
        facts: What is known of its files.

    Returns:
        (0, 0) without input videos; None if the model is not known, or takes clips of any length.
    """
    if not isinstance(params, Params):
        return None
    shortest, longest = list[float](), list[float]()
    for place in media_places(params):
        if place.rule.kind != "video":
            continue
        known = facts[place.path].seconds if place.path in facts else None
        if known is None and place.rule.seconds is None:
            return None
        least, most = place.rule.seconds or (0.0, 0.0)
        shortest.append(max(least - SLACK_SECONDS, 0.0) if known is None else known)
        longest.append(most + SLACK_SECONDS if known is None else known)
    count = _counted(params) if shortest else None
    return (sum(shortest), sum(longest)) if count is None else (count(shortest), count(longest))


def _counted(params: AnyParams) -> Callable[[Sequence[float]], float] | None:
    """Return how a model counts the lengths of its clips, if it has a way of its own."""
    return cast("Callable[[Sequence[float]], float] | None", getattr(params, "billed_input_seconds", None))
