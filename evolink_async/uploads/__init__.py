"""From local files to URLs."""
