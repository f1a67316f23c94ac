"""A command line whose mistakes end with a code of their own, apart from a difference found."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

USAGE = 3
"""A command that makes no sense."""


class Parser(argparse.ArgumentParser):
    """Ends with `USAGE` where argparse would end with 2."""

    def error(self, message: str) -> NoReturn:
        """Say how the command is used, and what was wrong."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")
