"""The command line, as ``python -m simpleflow``."""

import sys

from simpleflow.cli import main

if __name__ == "__main__":
    sys.exit(main())
