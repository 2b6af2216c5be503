"""The options of `generate` that all models share, each defined once.

The options of each model are made in `model_options`.
"""

from __future__ import annotations

import attrs
from cyclopts import Group, Parameter

from .option_types import BaseUrl, Flag, JournalFile, LookEvery, Name, OwnPath, Positive, PrivateResults, Whole
from .service import Service


# cyclopts makes an option of each field, and its help text of the line under "Attributes".
@Parameter(name="*", group=Group("Options", sort_key=2))
@attrs.frozen(kw_only=True)
class GenerateOptions:
    """The options of `generate` that all models share.

    Attributes:
        out: Folder for the video, which gets the name of the key; nothing in it is overwritten. Default: not saved.
        key: Key of the job. Default: made of the parameters.
        journal: Journal file: the same command again pays nothing, and returns the same video. Default: none.
        emulator: Use a local emulator instead of EvoLink: no key, no cost.
        timeout: Seconds the task may take before it is given up; it goes on at the service.
        rebuy: Times the job is bought anew when its task fails for a passing reason; each is a purchase of its own.
        retry_failed: Buy the job anew, once, if its task failed in an earlier run of the journal, for whatever reason.
        base_url: Address of the service.
        allow_private_results: Fetch the video from plain http and private addresses too.
        look_every: Seconds between polls, for services faster than EvoLink.
    """

    out: OwnPath | None = None
    key: Name | None = None
    journal: JournalFile | None = None
    emulator: Flag = False
    timeout: Positive | None = None
    rebuy: Whole = 0
    retry_failed: Flag = False
    base_url: BaseUrl = None
    allow_private_results: PrivateResults = False
    look_every: LookEvery = None

    def service(self) -> Service:
        """Return the service to use."""
        return Service(
            base_url=self.base_url,
            allow_private_results=self.allow_private_results,
            look_every=self.look_every,
            rebuy=self.rebuy,
        )
