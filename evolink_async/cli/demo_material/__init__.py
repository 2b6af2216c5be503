"""What the demo runs: its jobs, and the files they name."""
