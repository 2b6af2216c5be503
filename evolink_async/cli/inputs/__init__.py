"""What a command is given: options, the jobs file, the service or the emulator to use.

Nothing is sent or printed here.
"""
