"""Its being here puts this folder on the path: tolerance, oracle and cases serve the folders below."""

import sys
from pathlib import Path

# The folder saln_kernels in here would else be taken for a namespace package of that name, ahead of an editable install.
sys.path.insert(0, str(Path(__file__).parents[1]))
