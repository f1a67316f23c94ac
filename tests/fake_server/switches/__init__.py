"""Tests of switches and of the rules for frames."""
