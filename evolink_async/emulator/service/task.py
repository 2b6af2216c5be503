"""An accepted task, as the emulator stores it.

Its JSON is in `task_replies`.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from .output_spec import OutputSpec, VideoSpec
from .pricing import Price
from .task_lifecycle import Lifecycle, TaskView, view


@frozen
class TaskRecord:
    """One accepted task.

    Attributes:
        task_id: The vendor's id.
        ordinal: Its number in order of acceptance, from 1.
        model: The model's id.
        body: The accepted request.
        spec: What its result files look like: a video or images.
        life: When it starts, when it ends, and how.
        price: Credits held, and credits charged when it completes.
        estimated_seconds: The estimate in the reply to the submit.
    """

    task_id: str
    ordinal: int
    model: str
    body: Mapping[str, object] = field(repr=False)
    spec: OutputSpec
    life: Lifecycle
    price: Price
    estimated_seconds: int

    @property
    def output_kind(self) -> str:
        """The vendor's word for the output: video or image."""
        return "video" if isinstance(self.spec, VideoSpec) else "image"

    @property
    def result_count(self) -> int:
        """Number of result files."""
        return 1 if isinstance(self.spec, VideoSpec) else self.spec.count

    @property
    def callback_url(self) -> str | None:
        """Where to post the final state; None without a callback."""
        link = self.body.get("callback_url")
        return link if isinstance(link, str) else None

    def view(self, now: float) -> TaskView:
        """Return its status and progress at `now`, in unix seconds."""
        return view(self.life, now)
