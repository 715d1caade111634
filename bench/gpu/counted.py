"""One launch of our kernel a case, for ncu to count: `ncu -k regex:score -c 4 ... python -m bench.gpu.counted`."""

import torch

import saln_kernels
from bench.cases import make_inputs
from bench.gpu.cases import CASES

CALLS = (("headline", "exact"), ("small", "exact"), ("wide", "randomized"), ("wide", "exact"))


def main() -> None:
    """Launch them in order, one at a time."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name, solver in CALLS:
        case = CASES[name]
        features, candidates = make_inputs(case, 1, 1, device).turn(0)
        saln_kernels.topk_eigvals(features, candidates, case.k, solver=solver)
        if device.type == "cuda":
            torch.cuda.synchronize()


if __name__ == "__main__":
    main()
