"""Tests of the simulation: that it is deterministic, like the real loop, and breaks as told."""
