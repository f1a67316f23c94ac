"""`python -m tests.golden_toxiproxy HOST:PORT|embedded [DIR]`."""

import sys

from tests.golden_toxiproxy.command import main

sys.exit(main())
