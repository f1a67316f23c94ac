"""Tests of the wire format: against the recordings, against the table, against junk."""
