"""Tests of the parity kit, and of our worlds by it."""
