"""What a command shows: sentences, tables, JSON, progress."""
