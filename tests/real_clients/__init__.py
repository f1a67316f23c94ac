"""The official clients, unmodified, against the fake server."""
