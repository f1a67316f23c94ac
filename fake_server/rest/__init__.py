"""The tables over HTTP, `/rest/v1`, as PostgREST 13 answers."""

from fake_server.rest.service import Rest

__all__ = ["Rest"]
