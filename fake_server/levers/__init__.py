"""How people make the server misbehave: levers with their parameters, pulled and healed."""
