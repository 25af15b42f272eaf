"""``python -m sklroute.cli``."""

import sys

from sklroute.cli import main

if __name__ == "__main__":
    sys.exit(main())
