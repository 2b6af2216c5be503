"""What a command prints: sentences, tables, JSON lines, progress.

Only `terminal` and `results_file` write; exit codes are in `exit_codes`.
"""
