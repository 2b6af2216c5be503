"""From whatever a caller hands in to jobs with keys.

Plain functions over values; reading the input, which may wait, is the stream's work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from .errors import ConfigurationError
from .outcome import Job, digest
from .params import AnyParams, Params, RawParams


class Keys:
    """Gives jobs their keys and refuses a key given twice, over one input.

    A key of our own is the digest of the parameters and their ordinal among equal ones, so the same input gives the
    same keys on every run.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._ordinals: Counter[str] = Counter()

    def job(self, wish: Job | AnyParams) -> Job:
        """Make a job of one item of the input.

        Raises:
            ConfigurationError: The item is neither a job nor parameters, or its key was given before.
        """
        if isinstance(wish, Params | RawParams):
            name = digest(wish)
            self._ordinals[name] += 1
            wish = Job(f"{name}-{self._ordinals[name]}", wish)
        if not isinstance(wish, Job):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError(f"a job must be a Job, or the parameters of a model, not {type(wish).__name__}")
        if wish.key in self._seen:
            raise ConfigurationError(f"the key {wish.key!r} was given twice; give each job its own")
        self._seen.add(wish.key)
        return wish


def check_list(wishes: Sequence[object]) -> None:
    """Find what is wrong with an input that is there as a whole, before any of it is sent.

    Raises:
        ConfigurationError: An item is no job, or two jobs have one key; every such place is named.
    """
    faults, seen = list[str](), dict[str, int]()
    for index, wish in enumerate(wishes):
        if isinstance(wish, Job):
            first = seen.setdefault(wish.key, index)
            if first != index:
                faults.append(f"jobs[{index}] has the key {wish.key!r} of jobs[{first}]; give each job its own")
        elif not isinstance(wish, Params | RawParams):
            faults.append(f"jobs[{index}] must be a Job, or the parameters of a model, not {type(wish).__name__}")
    if faults:
        raise ConfigurationError("; ".join(faults))


def shape_of(params: AnyParams) -> Hashable:
    """What durations are learned by: model, quality and seconds."""
    return params.model, getattr(params, "quality", None), getattr(params, "duration", None)
