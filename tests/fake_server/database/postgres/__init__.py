"""What a real PostgreSQL answered, and the program that asked it."""
