"""The HTTP side: the routes of the API, the file service and the result host, callbacks, and the two servers.

What a reply contains is decided in `service`.
"""
