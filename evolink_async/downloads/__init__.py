"""From result links to files."""
