"""The training that comes with the pilot."""

from saln.pilot.builtin.config import BuiltinConfig
from saln.pilot.builtin.job import BuiltinJob

__all__ = ["BuiltinConfig", "BuiltinJob"]
