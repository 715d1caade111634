"""Features of a dataset by a model, in one call, in a file that says what it was made from."""

from saln.features.extraction import extract
from saln.features.features import Features, load
from saln.features.fingerprint import Fingerprint

__all__ = ["Features", "Fingerprint", "extract", "load"]
