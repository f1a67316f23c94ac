"""Traffic, and the final reads that settle what became of it."""
