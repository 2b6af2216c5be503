"""The work of the commands, one file each.

Their arguments are declared in `app`; what `run` and `demo` share is in `running`.
"""
