"""``python -m fastnn`` is the command ``fastnn``."""

import sys

from fastnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
