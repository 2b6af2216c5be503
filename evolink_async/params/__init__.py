"""What to make, checked before it costs anything."""
