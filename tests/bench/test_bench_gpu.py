"""The GPU benchmark as far as it goes without a GPU: baselines, measuring, stages, the report."""

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from bench import machine
from bench.cases import Inputs
from bench.gpu import __main__ as program
from bench.gpu import baselines, counted, driver, library, logits, measure, ours, quick, report, stages
from bench.gpu.cases import CASES, make_inputs
from bench.gpu.timing import Timing, prepare
from bench.machine import ROOT
from bench.ours import exact
from bench.timing import Variant
from bench.truth import WrongResult, truth_of
from on_device import FUNCTIONS
from saln_kernels.backends import native

CPU = torch.device("cpu")
TINY = CASES["headline"].smoke()


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    if native.missing() is not None:
        pytest.skip(str(native.missing()))
    return make_inputs(TINY, CPU)


def test_inputs_rotate(inputs: Inputs) -> None:
    assert inputs.turns > 1
    assert not torch.equal(inputs.turn(0)[0], inputs.turn(1)[0])
    assert torch.equal(inputs.turn(0)[1], inputs.turn(inputs.turns)[1])
    assert inputs.pools.dtype == torch.bfloat16


@pytest.mark.parametrize("path", [baselines.stock_path, baselines.svd_path])
def test_library_paths(inputs: Inputs, path: Any) -> None:
    """Of bfloat16 features their values are those of the rounded features in float64."""
    found = path(*inputs.turn(0), TINY.k)
    rows = inputs.features[inputs.candidates].double()
    wanted = torch.linalg.eigvalsh(rows @ rows.mT).flip(1)[:, : TINY.k]
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


def test_chunks_are_the_whole(inputs: Inputs) -> None:
    whole = baselines.grams(*inputs.turn(0))
    assert torch.equal(baselines.by_chunks(baselines.grams, 3)(*inputs.turn(0)), whole)


def test_missing_libraries_say_so(inputs: Inputs) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(baselines.cusolver.Missing, match="sees none"):
        baselines.XsyevPath(TINY.k)(*inputs.turn(0))


def test_a_wrong_result_is_not_timed(inputs: Inputs) -> None:
    top = truth_of(inputs).top
    wrong = Variant("wrong", "wrong", lambda f, c: 1.001 * exact(f, c, TINY.k), top)
    with pytest.raises(WrongResult, match="wrong: relative error"):
        prepare(wrong, inputs)
    nothing = Variant("nan", "nan", lambda f, c: math.nan * exact(f, c, TINY.k), top)
    with pytest.raises(WrongResult):
        prepare(nothing, inputs)


def test_few_candidates_are_extrapolated(inputs: Inputs) -> None:
    top = truth_of(inputs).top
    half = Variant("half", "half", lambda f, c: baselines.stock_path(f, c[:4], TINY.k), top, share=0.5)
    timing = prepare(half, inputs)
    timing.warm = 1.0
    whole = Timing(Variant("whole", "whole", half.call, top), timing.check, 1.0, run=timing.run)
    of_half, of_whole = measure.summarise([timing, whole], floor=1.0)
    assert of_half["warm"] == 2 * of_whole["warm"]
    assert (of_half["extrapolated"], of_whole["extrapolated"]) == (True, False)


@pytest.fixture(scope="module")
def measured(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A case measured on the CPU, tiny."""
    file = tmp_path_factory.mktemp("gpu") / "headline.json"
    found = measure.measure_case(TINY, CPU, file, rounds=2)
    assert json.loads(file.read_text()) == json.loads(json.dumps(found))
    return found


def test_case(measured: dict[str, Any]) -> None:
    assert measured["complete"]
    assert measured["wrong"] == []
    rows = {row["group"]: row for row in measured["variants"]}
    present = {ours.EXACT, baselines.STOCK, baselines.GRAM, baselines.SVD, baselines.LANCZOS, baselines.COMPILED}
    assert present <= set(rows)
    assert rows[ours.EXACT]["over_ours"] == 1
    assert all(row["n_rounds"] >= 2 and row["median"] > 0 for row in rows.values())
    if not torch.cuda.is_available():
        assert any("XsyevBatched" in text for text in measured["left_out"])


@pytest.mark.parametrize("name", ["logits", "eigvalsh"])
def test_other_kinds(inputs: Inputs, tmp_path: Path, name: str) -> None:
    """Of a case that is no topk_eigvals of candidates: everybody's values are right, and ours come first."""
    found = measure.measure_case(CASES[name].smoke(), CPU, tmp_path / "case.json", rounds=2)
    assert (found["complete"], found["wrong"]) == (True, [])
    first, *others = found["variants"]
    assert (first["group"], first["ours"], first["over_ours"]) == (ours.EXACT, True, 1)
    assert {baselines.STOCK} < {row["group"] for row in others} | {logits.SVDVALS}
    assert found["plan"]["floor_seconds"] > 0
    text = report.markdown(a_run(found), [])
    assert f"## {name}: C=8" in text


def test_logits_are_held_against_the_truth() -> None:
    """A score that is off, and padding that counts, are wrong."""
    inputs = logits.make_inputs(CASES["logits"].smoke(), CPU)
    assert (inputs.candidates == -1).any()
    rows = logits.gathered(*inputs.turn(0)).float()
    assert (rows[inputs.candidates < 0] == 0).all()
    truth = logits.Truth(inputs)
    for name, formula in logits.FORMULAS.items():
        scores = formula(torch.linalg.svdvals(rows) ** 2)
        assert truth.check(name, scores).passed
        assert not truth.check(name, 1.001 * scores).passed


def a_run(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    stage = {"name": "tests", "status": "passed", "seconds": 3.0, "summary": "9 passed | all", "tail": ""}
    return {
        "date": "2026-01-02T03:04:05+00:00",
        "command": "python -m bench.gpu",
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "versions": {"torch": "2"},
        "gpu": {"name": "H100", "multiprocessors": 132, "driver": "1", "cuda": "13", "library": "sm_90a"},
        "backend": "cuda",
        "smoke": False,
        "green": True,
        "stages": [stage],
        "cases": [case],
    } | changes


def test_report(measured: dict[str, Any]) -> None:
    slow = {"group": baselines.XSYEV, "over_ours": 20.0}
    rows = [{**row, "over_floor": 3.0} if row["group"] == ours.EXACT else row for row in measured["variants"]]
    full = {**measured, "variants": [*rows, {**rows[-1], "name": "library", **slow}]}
    results = a_run(full)
    targets = {target.name: target for target in report.judge(results)}
    assert targets["headline: exact top-k over the floor"].met
    assert targets[f"headline: exact top-k over the best of {baselines.XSYEV}, {baselines.CUPY}"].measured == "20.0 x"
    text = report.markdown(results, list(targets.values()))
    for words in (
        "# GPU benchmark\n",
        "backend cuda, library sm_90a",
        "| tests | passed | 3 s | 9 passed / all |",
        "**exact top-k**",
        "3.00",
        "20.0",
    ):
        assert words in text


def test_report_of_half_a_run(measured: dict[str, Any]) -> None:
    rows = [{key: row[key] for key in row if key not in ("median", "min", "p90")} for row in measured["variants"]]
    half = {**measured, "complete": False, "wrong": ["gram: relative error 1"], "variants": rows}
    results = a_run(half, green=False)
    assert report.judge(results) == []
    text = report.markdown(results, [])
    assert "RED, tests failed" in text
    assert "**Not finished**" in text
    assert "Wrong: gram: relative error 1" in text


def test_memory_target() -> None:
    row = {"group": ours.EXACT, "over_floor": 4.5}
    many = {"name": "many", "complete": True, "variants": [row], "memory": {"over": 65 << 20}}
    floor, memory = report.judge({"cases": [many]})
    assert (floor.met, memory.met) == (False, False)
    assert (floor.measured, memory.measured) == ("4.50", "65.0 MiB")


def test_stages_end() -> None:
    python = sys.executable
    clock = stages.Clock(60)
    good = stages.run(stages.Stage("good", (python, "-c", "print('3 passed in 1s')"), 30), clock)
    assert (good.status, good.summary) == ("passed", "3 passed in 1s")
    bad = stages.run(stages.Stage("bad", (python, "-c", "import sys; print('no'); sys.exit(3)"), 30), clock)
    assert (bad.status, bad.summary) == ("failed", "no")
    slow = stages.run(
        stages.Stage("slow", (python, "-uc", "import time; print('begun'); time.sleep(60)"), 1.5), stages.Clock(1.6)
    )
    assert slow.status == "out of time"
    assert slow.seconds < 20
    assert stages.run(stages.Stage("late", (python, "-c", ""), 30), stages.Clock(0)).status == "left out"
    assert stages.run(stages.Stage("absent", ("no-such-program",), 30), clock).status == "left out"
    for code, status in ((9, "failed"), (1, "left out"), (0, "passed")):
        tool = stages.Stage("tool", (python, "-c", f"raise SystemExit({code})"), 30, fails_with=9)
        assert stages.run(tool, clock).status == status
    refused = (python, "-c", "print('Device not supported'); raise SystemExit(9)")
    tool = stages.Stage("tool", refused, 30, fails_with=9, cannot="Device not supported")
    assert stages.run(tool, clock).status == "left out"


def stage(name: str, code: str = "", proves: bool = False) -> stages.Stage:
    """A stage that stands for one of a GPU."""
    return stages.Stage(name, (sys.executable, "-c", code), 30, proves=proves)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the whole program run with such stages, and a tiny case."""
    described = {name: a_run({})[name] for name in ("date", "command", "git", "versions", "gpu")}

    def set_up(library: int = 0, tests: int = 0) -> None:
        def there(file: Path) -> stages.Stage:
            text = f"open({str(file)!r}, 'w').write({json.dumps(described)!r}); raise SystemExit({library})"
            return stage("library", text)

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(program, "library", there)
        monkeypatch.setattr(program, "checks", lambda: [stage("tests", f"raise SystemExit({tests})", proves=True)])
        monkeypatch.setattr(program, "more_checks", lambda: [stage("racecheck")])
        monkeypatch.setattr(program, "CASES", {"many": CASES["many"]})

    return set_up


@pytest.mark.parametrize("green", [True, False])
def test_whole_run(pretend: Callable[..., None], tmp_path: Path, inputs: Inputs, green: bool) -> None:
    """From library to report; what is measured while tests are red is marked."""
    pretend(tests=0 if green else 1)
    with pytest.raises(typer.Exit) as ended:
        program.main(output=tmp_path, smoke=True)
    assert ended.value.exit_code == (0 if green else 1)
    results = json.loads((tmp_path / "h100-2026-01-02-smoke.json").read_text())
    assert [each["name"] for each in results["stages"]] == ["library", "tests", "case many", "racecheck"]
    assert [case["complete"] for case in results["cases"]] == [True]
    assert (results["backend"], results["green"]) == ("cuda", green)
    text = (tmp_path / "h100-2026-01-02-smoke.md").read_text()
    assert ("RED" in text) is not green


def test_nothing_runs_without_a_library(pretend: Callable[..., None], tmp_path: Path) -> None:
    pretend(library=1)
    with pytest.raises(typer.Exit) as ended:
        program.main(output=tmp_path, smoke=True)
    assert ended.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_red_is_remembered() -> None:
    results: dict[str, Any] = {"green": True, "stages": []}
    fails = "raise SystemExit(1)"
    for each in (stage("fine", proves=True), stage("no proof", fails)):
        program.go(each, results, stages.Clock(60))
        assert results["green"]
    program.go(stage("red", fails, proves=True), results, stages.Clock(60))
    assert not results["green"]
    assert [each["status"] for each in results["stages"]] == ["passed", "failed", "failed"]


def test_stages_of_a_gpu() -> None:
    """What they run is there; each names its backend."""
    before, after = program.checks(), program.more_checks()
    assert [each.name for each in (*before, *after) if each.fails_with == 9] == list(program.SANITIZERS)
    for each, backend in ((before[0], "cuda"), (after[-1], "triton")):
        assert ("--backend", backend) in itertools.pairwise(each.command)
    for file, names in program.TRITON.items():
        text = (ROOT / file).read_text()
        assert all(f"def test_{name}(" in text for name in names)


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_prebuilt_libraries_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """Those of SALN_PREBUILT, in place of what lies there."""
    (tmp_path / "saln_kernels").mkdir()
    (tmp_path / "saln_kernels" / "_cuda.so").write_text("old")
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "_cuda.so").write_text("new")
    monkeypatch.setattr(library, "ROOT", tmp_path)
    if place == "elsewhere":
        monkeypatch.setenv("SALN_PREBUILT", str(tmp_path / "built"))
    library.take_prebuilt()
    assert (tmp_path / "saln_kernels" / "_cuda.so").read_text() == {"here": "old", "elsewhere": "new"}[place]


def test_a_library_that_does_not_serve_says_why() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert library.lacking()


@pytest.mark.parametrize(("capability", "arch"), [((8, 6), "80"), ((9, 0), "90a"), ((10, 0), "100a"), ((12, 1), "120")])
def test_what_is_built_for_a_gpu(capability: tuple[int, int], arch: str) -> None:
    assert library.arch(capability) == arch


@pytest.mark.parametrize(
    ("name", "slug"), [("NVIDIA H100 80GB HBM3", "h100"), ("NVIDIA GeForce RTX 5090", "rtx"), ("Tesla T4", "t4")]
)
def test_file_names(name: str, slug: str) -> None:
    assert program.slug(name) == slug


def test_without_a_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no GPU" in done.stderr


def test_driver_is_right_and_notices_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    if native.missing() is not None:
        pytest.skip(str(native.missing()))
    calls = list(driver.calls())
    few = driver.few(calls)
    assert len(few) == 20
    assert {call[0] for call in few} == set(FUNCTIONS) - {"eigvalsh"}
    assert len({call[1][1].shape for call in few if isinstance(call[1][1], torch.Tensor)}) > 4
    assert [text for call in (*few, *calls[:40]) if (text := driver.wrong(call, CPU))] == []
    right = driver.saln_kernels.gram

    def wrong(*arguments: Any, backend: str | None = None, **options: Any) -> torch.Tensor:
        return right(*arguments, backend=backend, **options) * (1 if backend == "reference" else 1.01)

    monkeypatch.setattr(driver.saln_kernels, "gram", wrong)
    assert "off by" in driver.wrong(next(call for call in calls if call[0] == "gram"), CPU)


def test_commit_of_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources without their history have it from the environment."""
    monkeypatch.setenv("SALN_COMMIT", "abc123-dirty")
    assert machine.describe()["git"] == {"commit": "abc123", "dirty": True}
    monkeypatch.setenv("SALN_COMMIT", "abc123")
    assert machine.describe()["git"] == {"commit": "abc123", "dirty": False}


def test_files_of_a_stage(tmp_path: Path) -> None:
    assert stages.read(tmp_path / "none.json") == ""


def test_first_contact(tmp_path: Path) -> None:
    """The whole program, small, on the CPU; a section that is wrong or fails is named and costs only itself."""
    if native.missing() is not None:
        pytest.skip(str(native.missing()))
    command = [sys.executable, "-m", "bench.gpu.quick", str(tmp_path / "q.json"), "--smoke"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "q.json").read_text())
    assert set(found) == {"facts", "right", "greedy", "invariant", *quick.MEASURED}
    assert found["headline"]["error"] <= found["headline"]["allowed"]


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([], False),
        (["maxvol b=7"], True),
        ({"b=64": [True, True]}, False),
        ({"b=64": [True, False]}, True),
        ({"calls": 3, "wrong": 0, "first": ""}, False),
        ({"calls": 3, "wrong": 1, "first": "gram"}, True),
        ({"error": 1e-6, "allowed": 1e-5}, False),
        ({"error": math.nan, "allowed": 1e-5}, True),
    ],
)
def test_what_first_contact_calls_wrong(found: Any, wrong: bool) -> None:
    assert quick.is_wrong(found) is wrong


def test_calls_that_are_counted() -> None:
    assert {name for name, _ in counted.CALLS} <= set(CASES)
