"""Tests of our own code; the scenarios test a client's resilience."""
