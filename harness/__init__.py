"""The library: the production connection manager, and what proves it."""
