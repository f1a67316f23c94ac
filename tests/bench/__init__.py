"""How fast and how small what we serve is, each beside a peer in the same run."""
