"""Tests of the connection manager: its tables and cores without a loop, its shell over sockets."""
