"""What channels can do, one feature a file; each takes a message and adds effects to the state."""
