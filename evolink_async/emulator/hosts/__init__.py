"""The HTTP hosts: API, files, results, callbacks."""
