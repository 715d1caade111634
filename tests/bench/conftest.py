"""The benchmarks are not installed: their folder's parent comes on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
