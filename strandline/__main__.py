"""`python -m strandline`: the same as the command `strandline`."""

import sys

from strandline.cli import main

sys.exit(main())
