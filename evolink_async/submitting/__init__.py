"""From a job to a paid task, at most once."""
