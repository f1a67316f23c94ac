"""Tests of the database behind the fake server."""
