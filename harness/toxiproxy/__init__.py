"""Faults on real sockets: a Toxiproxy-compatible server, and an adapter over toxiproxy-python."""
