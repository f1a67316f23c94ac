"""What the server knows and what it wants done, without I/O."""
