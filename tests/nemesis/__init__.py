"""Tests of what goes wrong, when, and how it is healed."""
