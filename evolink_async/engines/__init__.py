"""Engines that bring jobs to workers, at least once each; the shared journal makes that "paid for at most once".

`procrastinate` has `EvolinkBlueprint`, `ray` has `BatchRunner`: import each from its module, as each needs an extra of
its own. Distribution, retries and schedules are theirs.
"""
