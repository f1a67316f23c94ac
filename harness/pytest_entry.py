"""The entry point for pytest: loads the plugin where everything that it needs is installed.

Whoever installs the manager for production, with `websockets` alone, and has pytest for tests of
their own must not be stopped by a plugin that they never asked for.
"""

from importlib.util import find_spec

NEEDED = ("h11", "hypothesis", "requests", "toxiproxy")
"""What the extra `scenarios` brings beyond the production install."""

pytest_plugins = ["harness.pytest_plugin"] if all(map(find_spec, NEEDED)) else []
