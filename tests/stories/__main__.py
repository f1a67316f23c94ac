"""`python -m tests.stories DIR` (see `tests/stories/command.py`)."""

import sys

from tests.stories.command import main

sys.exit(main())
