"""Interpretation is fixed when Triton is imported: those tests run in a process that one of ours starts."""

import os

collect_ignore = [] if os.environ.get("TRITON_INTERPRET") == "1" else ["interpreted"]
