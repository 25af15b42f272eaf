"""``python -m sklroute.cli``."""

import sys

from sklroute.cli import main

sys.exit(main())
