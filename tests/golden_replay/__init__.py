"""Replays what the real server was recorded to do, and tells every difference."""
