"""Any bytes on the socket, and what the server makes of them."""
