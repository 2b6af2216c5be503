"""Other vendors' released clients, making the same reads as we do, in the same run.

They run as they are installed, with their default settings; only address and key are given.
"""
