"""What goes in and what comes out: jobs, their keys, their outcomes."""
