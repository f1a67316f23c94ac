"""`python -m tests.golden DIR [--url URL] [--only GLOB]` (see `tests/golden_replay`)."""

import sys

from tests.golden_replay.command import main

sys.exit(main())
