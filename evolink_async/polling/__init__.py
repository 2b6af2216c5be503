"""From a task to its end."""
