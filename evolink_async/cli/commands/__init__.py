"""The work of the commands, one file each.

Their arguments are declared in `definitions`; what `run` and `demo` share is in `running`.
"""
