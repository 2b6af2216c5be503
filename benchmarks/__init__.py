"""Speed, always beside a bare aiohttp loop in the same run: absolute times say more about the machine than about us."""
