"""Tests of the schedules: how they are written, drawn, stored and shrunk."""
