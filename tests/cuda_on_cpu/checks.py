"""Calls that say how they run, held against the truth of tests/contract."""

from contract import checks
from contract.backends import Backend
from cuda_on_cpu.simulator import Call, Result, simulate


def check(*calls: Call) -> list[Result]:
    """Simulate all and hold every result against the reference."""
    return checks.check(Backend("cuda_shim", simulate), *calls)
