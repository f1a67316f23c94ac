"""The pytest plugin: options, the `run` fixture, the verdict table and the replay line."""
