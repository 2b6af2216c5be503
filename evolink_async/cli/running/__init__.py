"""Running jobs for `run` and `demo`: the pool, Ctrl-C, and what a run is given and gives back."""
