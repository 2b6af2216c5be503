"""What users meet, and what holds it together."""
