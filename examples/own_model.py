"""Ask for a model that has no class in the library: by a class of your own, and by `RawParams`.

It needs an account: `evolink-async emulator` knows only the models of the library, and answers "unknown model". A test
can define the class in the process of its `Emulator`, which then knows the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal

import attrs

import evolink_async as ev
from evolink_async.errors import InvalidValue
from evolink_async.params import Between, Length, OneOf, rule


@attrs.frozen(kw_only=True)
class Seedance20TextToVideo(ev.Params):
    """A video from a text. Defining the class registers it, so `load_params` and the command line know it too.

    Attributes:
        prompt: What to show.
        duration: Seconds.
        quality: Height of the frame.
    """

    model = "seedance-2.0-text-to-video"

    prompt: str = attrs.field(metadata=rule(Length(10_000)))
    duration: int = attrs.field(default=5, metadata=rule(Between(4, 15)))
    quality: Literal["720p", "1080p"] = attrs.field(default="720p", metadata=rule(OneOf("720p", "1080p")))

    def between_fields(self) -> Iterator[InvalidValue]:
        """Check what no single field can; this rule is made up for the example."""
        if self.quality == "1080p" and self.duration > 10:
            yield InvalidValue("duration", f"must be 4 to 10 at 1080p, not {self.duration}")


async def main() -> None:
    """Show that the rules hold before anything is sent, then make two videos."""
    try:
        Seedance20TextToVideo(prompt="A cat playing piano", quality="1080p", duration=12)
    except ev.ParamsError as error:
        print("refused:", *error.faults)
    checked = Seedance20TextToVideo(prompt="A cat playing piano", duration=4)
    # RawParams is sent as it is: the service finds the mistakes, if there are any.
    unchecked = ev.RawParams("seedance-2.0-text-to-video", {"prompt": "A dog playing drums", "duration": 4})
    async with ev.SessionPool() as pool, pool.run([ev.Job("cat", checked), ev.Job("dog", unchecked)]) as outcomes:
        async for outcome in outcomes:
            print(outcome.key, outcome.url if isinstance(outcome, ev.Completed) else outcome.error)


if __name__ == "__main__":
    asyncio.run(main())
