"""How fast and how small the embedded proxy is, beside a real Toxiproxy in the same run."""

from tests.bench.proxy.table import rows

__all__ = ["rows"]
