"""What importing costs, and what it must bring: processes of their own."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

import saln_kernels

pytestmark = pytest.mark.usefixtures("on_cpu")

ROOT = Path(saln_kernels.__file__).parents[1]
HEAVY = ("torch._dynamo", "torch._inductor", "triton", "sklearn", "scipy", "matplotlib", "pandas", "pyarrow")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'python_api'}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded(code: str) -> set[str]:
    """The modules there are after some code."""
    return set(python(f"import sys; {code}; print('\\n' + ' '.join(sys.modules))").splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import saln_kernels", "import saln; saln.select, saln.SpectralBatchSampler"])
def test_brings_no_compiler_nor_what_only_some_calls_need(code: str) -> None:
    assert sorted(loaded(code).intersection(HEAVY)) == []


def test_saln_alone_brings_nothing() -> None:
    assert sorted(loaded("import saln").intersection({*HEAVY, "torch", "numpy", "rich"})) == []


HELP = "import contextlib, saln.cli\nwith contextlib.suppress(SystemExit): saln.cli.app(['--help'])"


def test_help_needs_no_torch() -> None:
    assert sorted(loaded(f"exec({HELP!r})").intersection({*HEAVY, "torch", "numpy", "jinja2"})) == []
    shown = python(HELP)
    for command in ("pilot", "select", "score", "audit", "explain", "doctor", "methods"):
        assert command in shown


def test_names_of_saln() -> None:
    """Names are found where they are, others are refused as by any module."""
    import saln

    for name in saln.__all__:
        assert name in dir(saln)
        assert getattr(saln, name) is not None
    assert saln.__version__ == saln_kernels.__version__
    assert saln.selectors.OnePass().name == "one_pass"
    with pytest.raises(AttributeError, match="module 'saln' has no attribute 'selct'"):
        _ = saln.selct  # type: ignore[attr-defined]


TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def test_costs_little_beside_torch() -> None:
    """Three times each, by turns: a tenth of what torch takes itself; it was nine tenths. So for the help."""
    ours, whole, shown = [], [], []
    for _ in range(3):
        ours.append(float(python("import torch; " + TIMED.format("import saln_kernels"))))
        whole.append(float(python(TIMED.format("import torch"))))
        shown.append(float(python(TIMED.format(f"exec({HELP!r})")).splitlines()[-1]))
    assert statistics.median(ours) < 0.1 * statistics.median(whole)
    assert statistics.median(shown) < 0.5 * statistics.median(whole)


class Everything(torch.nn.Module):
    """A program of every kind of op."""

    def forward(self, x: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (
            saln_kernels.score_batches(x, rows, "effective_rank"),
            saln_kernels.topk_eigvals(x, rows, 2),
            saln_kernels.eigvalsh(saln_kernels.gram(x, rows)),
            saln_kernels.fiedler(x, rows).vector,
            saln_kernels.greedy_logdet(x, rows, 3).positions,
            saln_kernels.maxvol(x, rows, 3).gains,
            saln_kernels.k_center(x, rows, 3).positions,
        )


def test_an_exported_program_needs_the_import_alone(cpu: str) -> None:
    """It names the ops and calls nothing of the package: importing it registers them."""
    generator = torch.Generator().manual_seed(0)
    given = (torch.randn(9, 4, generator=generator), torch.randint(9, (3, 5), generator=generator))
    with tempfile.TemporaryDirectory() as folder:
        program, inputs, results = (Path(folder) / name for name in ("program.pt2", "inputs.pt", "results.pt"))
        torch.export.save(torch.export.export(Everything(), given), program)
        torch.save(given, inputs)
        python(
            "import torch, saln_kernels; "
            f"results = torch.export.load({str(program)!r}).module()(*torch.load({str(inputs)!r})); "
            f"torch.save(results, {str(results)!r})"
        )
        for found, wanted in zip(torch.load(results), Everything()(*given), strict=True):
            assert torch.equal(found, wanted)


def test_triton_ops_are_there_too() -> None:
    """By name and shape, without Triton being loaded."""
    code = (
        "import sys, torch, saln_kernels; x = torch.empty(9, 4, device='meta'); "
        "rows = torch.empty(3, 5, dtype=torch.int64, device='meta'); "
        "values, bounds = torch.ops.saln_triton.eigvals("
        "x, rows, None, None, 'linear', False, 1.0, 'none', 'clamp', False, 2, 'auto', 0, 0); "
        "print(list(values.shape), 'triton' in sys.modules)"
    )
    assert python(code) == "[3, 2] False"
