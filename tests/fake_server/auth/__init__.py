"""Tests of sign-in, one file for each of its parts."""
