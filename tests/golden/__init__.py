"""The recordings of real servers, and the command that replays them."""
