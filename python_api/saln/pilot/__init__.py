"""The pilot: training with and without selection on equal terms, and what that shows."""

from saln.needs import extra_pilot

with extra_pilot():
    from saln.pilot.comparison import compare
    from saln.pilot.config import PilotConfig, PilotError
    from saln.pilot.function import FunctionJob
    from saln.pilot.output.result import PilotResult
    from saln.pilot.runner import run_pilot
    from saln.pilot.training.sampler import PilotSampler

__all__ = ["FunctionJob", "PilotConfig", "PilotError", "PilotResult", "PilotSampler", "compare", "run_pilot"]
