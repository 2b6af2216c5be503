"""The vendor's rules: tasks, credits, refusals."""
