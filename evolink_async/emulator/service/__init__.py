"""The vendor's rules: which request is accepted, what it costs, how its task proceeds, and what each reply contains.

No sockets and no asyncio; `hosts` serves these rules over HTTP.
"""
