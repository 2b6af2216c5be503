"""Small asyncio parts that know no domain."""
