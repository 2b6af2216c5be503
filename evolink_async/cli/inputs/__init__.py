"""What a command reads: jobs files, the environment, signals."""
