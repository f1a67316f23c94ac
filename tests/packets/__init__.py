"""Tests of true packet loss in a network namespace of its own."""
