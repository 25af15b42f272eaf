"""``python -m sklroute`` is the command ``sklroute``."""

import sys

from sklroute.cli import main

if __name__ == "__main__":
    sys.exit(main())
