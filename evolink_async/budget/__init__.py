"""Credits: what is spent and held, what fits, and where jobs wait for it."""
