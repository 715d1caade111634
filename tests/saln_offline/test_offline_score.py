"""Scores of files are those of the kernels, to the bit, however they come about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

import saln_kernels
from saln.datasets import ArrayFile
from saln.journal import Journal
from saln.offline import score_file
from saln.offline.score import ScoreTask
from saln.offline.summary import summarise


def _want(features: Path, candidates: Path, criterion: str = "effective_rank", **options: Any) -> bytes:
    x, c = torch.from_numpy(np.load(features)), torch.from_numpy(np.load(candidates))
    return saln_kernels.score_batches(x, c, criterion, **options).numpy().tobytes()


@pytest.mark.parametrize(
    ("criterion", "options"),
    [
        ("effective_rank", {"similarity": "cosine", "center": True}),
        ("energy", {"k": 2}),
        ("algebraic_connectivity", {"similarity": "rbf", "gamma": 0.3}),
        ("vendi", {"similarity": "cosine", "q": float("inf"), "solver": "randomized"}),
        ("logdet", {"laplacian": "unnormalized", "negative": "shift", "sigma": 0.5}),
    ],
)
def test_bits_are_those_of_one_call(
    features: Path, candidates: Path, in_place: bool, criterion: str, options: dict[str, Any]
) -> None:
    output = features.with_name("s.npy")
    for chunk in (7, 300, None):
        summary = score_file(features, candidates, output, criterion, chunk=chunk, **options)
        assert np.load(output).tobytes() == _want(features, candidates, criterion, **options)
        assert (summary.candidates, summary.resumed, summary.features) == (300, 0, "mapped")


def test_bits_do_not_depend_on_the_kind_of_file(features: Path, candidates: Path, tmp_path: Path) -> None:
    x, c = np.load(features), np.load(candidates)
    np.savez(tmp_path / "x.npz", x=x)
    np.savez_compressed(tmp_path / "z.npz", x=x)
    save_file({"x": torch.from_numpy(x)}, tmp_path / "x.safetensors")
    table = pa.table({"x": pa.array(list(x), type=pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=37)
    pq.write_table(pa.table({"candidates": list(c)}), tmp_path / "c.parquet", row_group_size=41)
    save_file({"candidates": torch.from_numpy(c).int()}, tmp_path / "c.safetensors")
    want = _want(features, candidates)
    for name in ("x.npz", "z.npz", "x.safetensors", "x.parquet"):
        for batches in ("c.npy", "c.parquet", "c.safetensors"):
            score_file(tmp_path / name, tmp_path / batches, tmp_path / "s.npy", chunk=64)
            assert np.load(tmp_path / "s.npy").tobytes() == want


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_every_element_type(candidates: Path, tmp_path: Path, in_place: bool, dtype: torch.dtype) -> None:
    x = torch.randn(400, 12, generator=torch.Generator().manual_seed(0)).to(dtype)
    save_file({"x": x}, tmp_path / "x.safetensors")
    score_file(tmp_path / "x.safetensors", candidates, tmp_path / "s.npy", similarity="cosine", chunk=50)
    want = saln_kernels.score_batches(x, torch.from_numpy(np.load(candidates)), similarity="cosine").numpy()
    assert np.load(tmp_path / "s.npy").dtype == want.dtype
    assert np.load(tmp_path / "s.npy").tobytes() == want.tobytes()


def test_precomputed_similarities(candidates: Path, tmp_path: Path, in_place: bool) -> None:
    x = np.random.default_rng(0).normal(size=(400, 30))
    np.save(tmp_path / "k.npy", x @ x.T)
    score_file(tmp_path / "k.npy", candidates, tmp_path / "s.npy", similarity="precomputed", chunk=9)
    assert np.load(tmp_path / "s.npy").tobytes() == _want(tmp_path / "k.npy", candidates, similarity="precomputed")
    np.save(tmp_path / "k.npy", x)
    with pytest.raises(ValueError, match=r"features are \[400, 30\].*square"):
        score_file(tmp_path / "k.npy", candidates, tmp_path / "s.npy", similarity="precomputed")


@pytest.fixture
def values(features: Path) -> dict[str, Path]:
    """Residuals `[400, 5]`, some not finite, and quality `[400]`."""
    rng = np.random.default_rng(2)
    residuals = rng.normal(size=(400, 5)).astype(np.float32)
    residuals[29] = np.nan
    arrays = {"residuals": residuals, "quality": rng.random(400).astype(np.float32)}
    for name, array in arrays.items():
        np.save(features.with_name(f"{name}.npy"), array)
    return {name: features.with_name(f"{name}.npy") for name in arrays}


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("residuals",), {"similarity": "gradient"}),
        (("residuals", "quality"), {"similarity": "gradient", "center": True, "laplacian": "symmetric"}),
        (("quality",), {"similarity": "rbf", "gamma": 0.3}),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_residuals_and_quality(
    features: Path,
    candidates: Path,
    values: dict[str, Path],
    in_place: bool,
    dtype: type[np.floating[Any]],
    names: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    output, paths = features.with_name("s.npy"), {name: values[name] for name in names}
    for path in paths.values():
        np.save(path, np.load(path).astype(dtype))
    arrays = {name: torch.from_numpy(np.load(path)) for name, path in paths.items()}
    want = _want(features, candidates, **arrays, **options)
    assert want != _want(features, candidates)
    for chunk in (1, 7, None):
        score_file(features, candidates, output, chunk=chunk, **paths, **options)
        assert np.load(output).tobytes() == want


def test_quality_of_precomputed_similarities(
    candidates: Path, tmp_path: Path, values: dict[str, Path], in_place: bool
) -> None:
    x = np.random.default_rng(0).normal(size=(400, 30))
    np.save(tmp_path / "k.npy", x @ x.T)
    how = {"similarity": "precomputed"}
    score_file(tmp_path / "k.npy", candidates, tmp_path / "s.npy", quality=values["quality"], chunk=1, **how)
    quality = torch.from_numpy(np.load(values["quality"]))
    assert np.load(tmp_path / "s.npy").tobytes() == _want(tmp_path / "k.npy", candidates, quality=quality, **how)


def test_residuals_and_quality_of_other_files(
    features: Path, candidates: Path, values: dict[str, Path], tmp_path: Path
) -> None:
    arrays = {name: np.load(path) for name, path in values.items()}
    np.savez(tmp_path / "all.npz", features=np.load(features), **arrays)
    residuals = pa.array(list(arrays["residuals"]), type=pa.list_(pa.float32()))
    table = pa.table({"residuals": residuals, "quality": arrays["quality"]})
    pq.write_table(table, tmp_path / "values.parquet", row_group_size=37)
    how = {"similarity": "gradient"}
    want = _want(features, candidates, **{name: torch.from_numpy(array) for name, array in arrays.items()}, **how)
    for name in ("all.npz", "values.parquet"):
        both = {"residuals": tmp_path / name, "quality": tmp_path / name}
        score_file(tmp_path / "all.npz", candidates, tmp_path / "s.npy", chunk=90, **both, **how)
        assert np.load(tmp_path / "s.npy").tobytes() == want


def test_residuals_and_quality_that_do_not_fit(
    features: Path, candidates: Path, values: dict[str, Path], tmp_path: Path
) -> None:
    def refused(words: str, **given: Any) -> None:
        with pytest.raises(ValueError, match=words):
            score_file(features, candidates, tmp_path / "s.npy", **given)

    np.save(tmp_path / "short.npy", np.ones(399, dtype=np.float32))
    refused(r"residuals is None; similarity='gradient' wants a file", similarity="gradient")
    refused(r"residuals came with similarity='linear'", residuals=values["residuals"])
    refused(r"short\.npy: quality are 399; wanted 400, one a row of features", quality=tmp_path / "short.npy")
    refused(r"quality are float32 with 2 dimensions; wanted numbers \[N\]", quality=values["residuals"])
    short = tmp_path / "short.npy"
    refused(r"residuals are float32 with 1 dim.* \[N, c\]", residuals=short, similarity="gradient")
    assert not list(tmp_path.glob("*.partial"))


def test_changed_quality_is_refused_and_the_same_goes_on(
    features: Path, candidates: Path, values: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, quality, record = tmp_path / "s.npy", values["quality"], Journal.record

    def interrupted(*arguments: Any) -> None:
        record(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_file(features, candidates, output, quality=quality, chunk=20)
    monkeypatch.setattr(Journal, "record", record)
    with pytest.raises(ValueError, match=r"quality was .* is None"):
        score_file(features, candidates, output)
    np.save(tmp_path / "other.npy", 1 - np.load(quality))
    with pytest.raises(ValueError, match=r"quality checksum was .*--restart"):
        score_file(features, candidates, output, quality=tmp_path / "other.npy")
    assert score_file(features, candidates, output, quality=quality, chunk=300).resumed == 20
    assert np.load(output).tobytes() == _want(features, candidates, quality=torch.from_numpy(np.load(quality)))


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_other_endings(features: Path, candidates: Path, tmp_path: Path, ending: str) -> None:
    score_file(features, candidates, tmp_path / f"s{ending}")
    name = {".npz": "scores", ".parquet": "score"}[ending]
    assert ArrayFile(tmp_path / f"s{ending}").read(name).tobytes() == _want(features, candidates)
    assert not list(tmp_path.glob("*.partial"))


def test_what_was_finished_is_not_computed_again(
    features: Path, candidates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, most = 0, 5
    compute = ScoreTask.compute

    def counted(self: ScoreTask, prepared: Any) -> Any:
        nonlocal scored
        if scored == most:
            raise KeyboardInterrupt
        scored += 1
        return compute(self, prepared)

    monkeypatch.setattr(ScoreTask, "compute", counted)
    output = tmp_path / "s.npy"
    with pytest.raises(KeyboardInterrupt):
        score_file(features, candidates, output, chunk=20)
    assert not output.exists()
    with pytest.raises(ValueError, match="criterion was 'effective_rank', is 'energy'"):
        score_file(features, candidates, output, "energy")
    scored = 0
    summary = score_file(features, candidates, output, chunk=300)  # another cut of the rest
    assert (summary.resumed, scored) == (100, 1)
    assert np.load(output).tobytes() == _want(features, candidates)


def test_changed_input_is_refused(
    features: Path, candidates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, record = tmp_path / "s.npy", Journal.record

    def interrupted(*arguments: Any) -> None:
        record(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_file(features, candidates, output, chunk=20)
    monkeypatch.setattr(Journal, "record", record)
    x = np.load(features)
    x[0, 0] += 1
    np.save(features, x)
    with pytest.raises(ValueError, match=r"features .* was .*--restart"):
        score_file(features, candidates, output)
    assert score_file(features, candidates, output, restart=True).resumed == 0
    assert np.load(output).tobytes() == _want(features, candidates)


def test_input_that_changes_meanwhile_is_noticed(features: Path, candidates: Path, tmp_path: Path) -> None:
    def change(what: str, finished: int, total: int) -> None:
        if finished == total:
            np.save(features, np.load(features) + 1)

    with pytest.raises(RuntimeError, match="features checksum was"):
        score_file(features, candidates, tmp_path / "s.npy", progress=change)
    assert not (tmp_path / "s.npy").exists()


def test_no_candidates_and_bad_rows(features: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 4), dtype=np.int64))
    assert score_file(features, tmp_path / "none.npy", tmp_path / "s.npy").minimum is None
    assert np.load(tmp_path / "s.npy").shape == (0,)
    for value in (400, -2):
        c = np.zeros((50, 4), dtype=np.int64)
        c[33, 2] = value
        np.save(tmp_path / "bad.npy", c)
        with pytest.raises(IndexError, match=rf"candidates\[33, 2\] is {value}"):
            score_file(features, tmp_path / "bad.npy", tmp_path / f"{value}.npy", chunk=8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 7, 3000])
def test_summary(dtype: type[np.floating[Any]], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saln.offline.summary.BLOCK", 100)
    rng = np.random.default_rng(count)
    scores = np.round(rng.normal(size=count) * 10.0 ** rng.integers(-3, 9, size=count), 1).astype(dtype)
    scores[rng.random(count) < 0.3] = [np.nan, np.inf, -0.0][count % 3]
    found, finite = summarise(scores, 0.0), scores[np.isfinite(scores)].astype(np.float64)
    assert found.not_finite == count - len(finite)
    if not len(finite):
        assert found.median is None
        return
    assert (found.minimum, found.median, found.maximum) == (finite.min(), np.median(finite), finite.max())
    order = np.argsort(-np.where(np.isfinite(scores), scores, -np.inf), kind="stable")[: min(5, len(finite))]
    assert [number for number, _ in found.best] == order.tolist()
