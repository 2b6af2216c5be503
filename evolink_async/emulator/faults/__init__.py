"""Ways to misbehave."""
