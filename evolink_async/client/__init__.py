"""HTTP: one account, one request at a time."""
