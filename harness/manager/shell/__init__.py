"""The asyncio shell: performs what the cores decide, over websockets, with one timer."""
