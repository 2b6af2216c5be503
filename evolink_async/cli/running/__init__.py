"""Runs jobs for `run` and `demo`: the pool, Ctrl-C, and what a run is given and gives back.

Which jobs to run is decided in `commands`; what is printed is composed in `output`.
"""
