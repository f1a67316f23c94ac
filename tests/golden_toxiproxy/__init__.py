"""Replays what the real Toxiproxy answered, to any server with its API, and tells what differs."""
