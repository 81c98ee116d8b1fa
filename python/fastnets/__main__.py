"""``python -m fastnets``."""

import sys

from fastnets.cli import main

if __name__ == "__main__":
    sys.exit(main())
