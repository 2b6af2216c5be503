"""Engines that bring jobs to workers, at least once each; the shared journal makes that "paid for at most once".

Each engine is a module of its own, behind an extra of its own. Distribution, retries and schedules are theirs.
"""
