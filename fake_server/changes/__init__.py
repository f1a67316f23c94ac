"""Postgres Changes without I/O: what is asked for, what fits, what it looks like, and when."""
