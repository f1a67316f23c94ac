"""The entry point for pytest: offers the fixture where what the server needs is installed.

Whoever has the production install, and pytest for tests of their own, must not be stopped by a
plugin that they never asked for.
"""

from importlib.util import find_spec

NEEDED = ("h11", "jwt", "re2", "sqlglot", "websockets")
"""What the extra `server` brings, and the production install."""

pytest_plugins = ["fake_server.pytest_fixture"] if all(map(find_spec, NEEDED)) else []
