"""Tests of where scenarios run."""
