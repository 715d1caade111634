"""`saln score` and `saln select` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

import saln_kernels
from saln import SpectralBatchSampler, SuperBatch, make_selector
from saln.cli import app
from saln.offline import select_file
from saln.selectors import SALN, Guard

RUNNER = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(200, 6)).astype(np.float32))
    np.save(tmp_path / "losses.npy", rng.random(200).astype(np.float32))
    return tmp_path / "x.npy", tmp_path / "losses.npy"


def test_select_then_score(files: tuple[Path, Path], tmp_path: Path) -> None:
    selected = tmp_path / "selected.npy"
    method = "spectral_candidates:n_candidates=16:criterion=energy"
    arguments = ["--batch-size", "8", "--epochs", "2", "--method", method]
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(selected), *arguments])
    assert done.exit_code == 0, done.output
    assert f"{method}: 50 batches of 8, each from 40 of 200 samples, in" in done.stdout
    assert np.load(selected).shape == (50, 8)
    done = RUNNER.invoke(app, ["score", str(files[0]), str(selected), "-o", str(tmp_path / "s.npy"), "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["schema"], document["candidates"], document["resumed"]) == ("saln.score/1", 50, 0)
    assert document["features"] == "mapped"


def test_select_json(files: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["--method", "selective_backprop", "--losses", str(files[1]), "--batch-size", "50", "--seed", "4"]
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(tmp_path / "s.npz"), *arguments, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["schema"] == "saln.select/1"
    assert (document["method"], document["seed"], document["batches"]) == ("selective_backprop", 4, 4)
    assert document["samples"] == 200


def _served(features: Path, size: int, values: dict[str, Path] | None = None, **how: Any) -> list[list[int]]:
    given = {name: torch.from_numpy(np.load(path)) for name, path in (values or {}).items()}
    sampler = SpectralBatchSampler(SuperBatch(torch.from_numpy(np.load(features)), **given), size, **how)
    return list(sampler)


def test_a_method_inside_takes_options(files: tuple[Path, Path], tmp_path: Path) -> None:
    output, labels = tmp_path / "s.npy", tmp_path / "labels.npy"
    np.save(labels, np.random.default_rng(1).integers(0, 3, size=200))
    arguments = ["--batch-size", "8", "--labels", str(labels), "--method", "guard:floor=0.8:saln:keep=positive"]
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(output), *arguments])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("guard:floor=0.8:saln:keep=positive: 25 batches of 8")
    chosen, values = np.load(output).tolist(), {"labels": labels}
    assert chosen == _served(files[0], 8, values, selector=Guard(SALN(keep="positive"), floor=0.8), n_epochs=1)
    assert chosen != _served(files[0], 8, values, selector=Guard(SALN(keep="abs"), floor=0.8), n_epochs=1)


def test_without_a_method_batches_are_those_of_a_sampler_without_a_selector(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(tmp_path / "s.npy"), "--batch-size", "8"])
    assert done.exit_code == 0, done.output
    select_file(files[0], tmp_path / "api.npy", batch_size=8)
    assert np.load(tmp_path / "s.npy").tolist() == np.load(tmp_path / "api.npy").tolist() == _served(files[0], 8)


def test_the_default_reads_what_cannot_be_mapped(files: tuple[Path, Path], tmp_path: Path) -> None:
    table = pa.table({"x": pa.array(list(np.load(files[0])), type=pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "x.parquet")
    for name in (str(tmp_path / "x.parquet"), str(files[0])):
        command = ["select", name, "-o", str(tmp_path / f"{Path(name).suffix[1:]}.npy"), "--batch-size", "8"]
        done = RUNNER.invoke(app, command)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "parquet.npy").read_bytes() == (tmp_path / "npy.npy").read_bytes()


def test_an_epoch_may_be_one_pass(files: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "s.npy"
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(output), "--batch-size", "8", "--passes", "1"])
    assert done.exit_code == 0, done.output
    assert np.load(output).shape == (5, 8)


@pytest.mark.parametrize(
    ("arguments", "shape", "words"),
    [
        ([], (1, 25000), "uniform: 1 batch of 200, from 200 of 200 samples, in"),
        (["--epochs", "2"], (2, 25000), "uniform: 2 batches of 200, each from 200 of 200 samples, in"),
        (["--drop-last"], (0, 25000), "uniform: 0 batches of 25000, from 200 of 200 samples, in"),
    ],
)
def test_select_of_more_than_there_are_serves_what_the_sampler_does(
    files: tuple[Path, Path], tmp_path: Path, arguments: list[str], shape: tuple[int, int], words: str
) -> None:
    output = tmp_path / "s.npy"
    size = ["--method", "uniform", "--batch-size", "25000"]
    done = RUNNER.invoke(app, ["select", str(files[0]), "-o", str(output), *size, *arguments])
    assert done.exit_code == 0, done.output
    assert words in done.stdout
    drop_last = "--drop-last" in arguments
    sampler = SpectralBatchSampler(
        torch.from_numpy(np.load(files[0])), 25000, selector=make_selector("uniform"), drop_last=drop_last
    )
    served = [batch for _ in range(2 if "--epochs" in arguments else 1) for batch in sampler]
    chosen = np.load(output)
    assert chosen.shape == shape
    assert [[row for row in batch if row >= 0] for batch in chosen.tolist()] == served


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--method", "guess"], "guess"),
        (["--method", "spectral_candidates:n_candidates"], "'n_candidates'"),
        (["--method", "spectral_candidates:colour=1"], "there is no option 'colour'"),
        (
            ["--method", "spectral_candidates:n_candidates=many"],
            "n_candidates of spectral_candidates is 'many', want a whole number",
        ),
        (["--method", "guard:saln:kep=abs"], "saln has no option 'kep'; it has keep"),
        (["--method", "guard:saln:keep=most"], "keep is 'most'"),
        (["--method", "n_candidates=16"], "want the name of a method before it"),
        (["--method", "guard:portfolio:reward=probe"], "reward is 'probe'"),
        (["--method", "rho_loss"], "losses"),
        (["--losses", "absent.npy"], "absent.npy"),
        (["--memory", "much"], "memory is 'much'"),
        (["--memory", "1MB"], "memory"),
        (["--engine", "steam"], "engine is 'steam'"),
        (["--epochs", "0"], "epochs is 0"),
        (["-o", "s.txt"], "s.txt"),
        (["-o", "no/such/folder/s.npy"], "no/such/folder"),
        (["--feature-key", "nothere", "--columns", "a"], "a"),
    ],
)
def test_select_errors_are_one_line(files: tuple[Path, Path], tmp_path: Path, arguments: list[str], word: str) -> None:
    output = [] if "-o" in arguments else ["-o", str(tmp_path / "s.npy")]
    done = RUNNER.invoke(app, ["select", str(files[0]), *output, *arguments])
    assert done.exit_code == 2, done.output
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("candidates", "arguments", "words"),
    [
        (np.zeros((9, 2)), [], "candidates are float64 with 2 dimensions; wanted integers [C, b]"),
        (
            np.zeros((9, 2), dtype=np.int64),
            ["--similarity", "gradient"],
            "residuals is None; similarity='gradient' wants a file",
        ),
    ],
)
def test_score_errors_say_what_was_wanted(
    files: tuple[Path, Path], tmp_path: Path, candidates: np.ndarray, arguments: list[str], words: str
) -> None:
    np.save(tmp_path / "c.npy", candidates)
    done = RUNNER.invoke(
        app, ["score", str(files[0]), str(tmp_path / "c.npy"), "-o", str(tmp_path / "s.npy"), *arguments]
    )
    assert done.exit_code == 2
    assert words in done.stderr


def test_score_takes_residuals_and_quality(files: tuple[Path, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {"residuals": rng.normal(size=(200, 3)).astype(np.float32), "quality": rng.random(200).astype(np.float32)}
    np.savez(tmp_path / "values.npz", **arrays)
    np.save(tmp_path / "c.npy", rng.integers(0, 200, size=(9, 4)))
    arguments = [f"--{name}={tmp_path / 'values.npz'}" for name in arrays]
    output = ["-o", str(tmp_path / "s.npy"), "--similarity", "gradient"]
    done = RUNNER.invoke(app, ["score", str(files[0]), str(tmp_path / "c.npy"), *output, *arguments])
    assert done.exit_code == 0, done.output
    x, c = (torch.from_numpy(np.load(path)) for path in (files[0], tmp_path / "c.npy"))
    values = {name: torch.from_numpy(array) for name, array in arrays.items()}
    want = saln_kernels.score_batches(x, c, similarity="gradient", **values)
    assert np.load(tmp_path / "s.npy").tobytes() == want.numpy().tobytes()


def test_begun_otherwise_is_one_line_and_restart_helps(files: tuple[Path, Path], tmp_path: Path) -> None:
    output, partial = tmp_path / "s.npy", tmp_path / "s.npy.partial"
    np.save(tmp_path / "c.npy", np.zeros((9, 2), dtype=np.int64))
    partial.mkdir()
    (partial / "facts.json").write_text('{"criterion": "beauty"}')
    (partial / "scores.done").write_text("[0, 1, 5]\n")
    arguments = ["score", str(files[0]), str(tmp_path / "c.npy"), "-o", str(output)]
    done = RUNNER.invoke(app, arguments)
    assert done.exit_code == 2
    assert "criterion was 'beauty', is 'effective_rank'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert RUNNER.invoke(app, [*arguments, "--restart"]).exit_code == 0
    assert np.load(output).shape == (9,)
