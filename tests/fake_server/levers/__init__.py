"""Tests of levers: what they are called, what they take, and what they do."""
