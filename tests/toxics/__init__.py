"""Tests of the toxics."""
