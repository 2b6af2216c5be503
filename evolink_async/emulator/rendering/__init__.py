"""Renders result files: MP4 videos and PNG images.

The result host serves them.
"""
