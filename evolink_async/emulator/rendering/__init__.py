"""Real films and pictures, made on demand."""
