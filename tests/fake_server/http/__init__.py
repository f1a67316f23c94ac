"""Tests of HTTP on the port of the WebSockets."""
