"""The commands with their arguments; cyclopts makes the help of their docstrings.

They are put together in `app`; the work of each is in `commands`.
"""
