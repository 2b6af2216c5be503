"""The HTTP side: the routes of the API, the file service and the result host, callbacks, and the two servers.

What a reply says is decided in `service`.
"""
