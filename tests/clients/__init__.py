"""Tests of the clients under test and their adapters."""
