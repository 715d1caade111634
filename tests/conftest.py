"""Its being here puts this folder on the path: tolerance, oracle and cases serve the folders below."""

import sys
from pathlib import Path

# Else the folder saln_kernels in here is a namespace package of that name, and found before an editable install.
sys.path.insert(0, str(Path(__file__).parents[1]))
