"""Where jobs are written down, before money is spent and before an outcome is told."""
