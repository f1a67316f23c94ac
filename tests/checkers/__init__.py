"""Tests of the checkers, by histories written by hand."""
