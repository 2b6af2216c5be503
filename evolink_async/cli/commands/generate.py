"""The command `generate`: makes one video from the options of a model.

The job is run by `running.whole_run`, as those of `run` are.
"""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ...budget import Estimate, estimate
from ...errors import PreflightError
from ...jobs import Job, KeyAssigner
from ...json_text import Json
from ...params import Params, ParamsWarning, load_params
from ...uploads import Preflight
from ..inputs.generate_options import GenerateOptions
from ..inputs.known_prices import basis_of, free_jobs, known_prices, recorded_jobs
from ..inputs.local_emulator import EMULATOR_SPEED
from ..output.estimates import estimate_note
from ..output.terminal import Terminal
from ..running.run_plan import RunPlan
from ..running.whole_run import RunMeans, run_to_end


def generate(body: Mapping[str, Json], options: GenerateOptions, terminal: Terminal) -> int:
    """Make one video; return the exit code.

    Args:
        body: The request body, with `file:PATH` for local files.
        options: The options that all models share.
        terminal: Where progress and the result are printed.

    Raises:
        ParamsError: The body is invalid; nothing was sent.
        PreflightError: A local file breaks the rules of the model; nothing was sent.
        ConfigurationError: The folder, the API key, an address or an option is invalid; nothing was sent.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ParamsWarning)
        params = load_params(body, files_from=Path())
    for warning in caught:
        terminal.note(f"note: {warning.message}")
    job, cost = asyncio.run(_prepared(params, options))
    if not options.emulator:
        terminal.note(estimate_note(cost))
    plan = RunPlan(
        jobs=(job,),
        folder=options.out,
        timeout=options.timeout,
        journal=options.journal,
        tasks_outlive_run=not options.emulator,
        retry_failed=options.retry_failed,
    )
    speed = EMULATOR_SPEED if options.emulator else None
    return run_to_end(plan, RunMeans(service=options.service(), emulator_speed=speed), terminal)


async def _prepared(params: Params, options: GenerateOptions) -> tuple[Job, Estimate]:
    """Check the local files; return the job, and what it will cost by the prices that are known without a request."""
    preflight = Preflight()
    try:
        params = await preflight.with_digests(params)
    except PreflightError:
        # A job with a key of its own may have been sent when its files were there.
        named = [Job(options.key, params)] if options.key else []
        recorded = await recorded_jobs(options.journal, named, retry_failed=options.retry_failed)
        if not recorded:
            raise
        return named[0], free_jobs(recorded.values())
    job = Job(options.key, params) if options.key else KeyAssigner().job(params)
    recorded = await recorded_jobs(options.journal, [job], retry_failed=options.retry_failed)
    if job.key in recorded:
        return job, free_jobs(recorded.values())
    basis = basis_of(params, preflight.facts_of(params), preflight)
    return job, estimate(Counter((basis,)), await known_prices(options.journal, None), Estimate())
