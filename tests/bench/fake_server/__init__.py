"""How fast and how small the fake server is, beside a bare `websockets` server in the same run."""

from tests.bench.fake_server.table import rows

__all__ = ["rows"]
