"""Sign-in as GoTrue does it, under `/auth/v1`: users, sessions and their tokens, codes by mail."""

from fake_server.auth.gateway import bearer, key_refused
from fake_server.auth.routes import Auth

__all__ = ["Auth", "bearer", "key_refused"]
