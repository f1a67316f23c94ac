"""Load profiles for many users at once, run by Locust."""
