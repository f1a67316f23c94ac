"""Postgres Changes in the fake server, module by module."""
