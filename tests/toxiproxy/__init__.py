"""Tests of the embedded Toxiproxy server and of the adapter over toxiproxy-python."""
