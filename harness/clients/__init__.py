"""Clients under test: ours, the bare official ones, and yours."""
