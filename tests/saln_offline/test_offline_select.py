"""Batches chosen from files are those that the sampler serves from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from saln import SpectralBatchSampler, SuperBatch, make_selector
from saln.journal import Journal
from saln.offline import score_file, select_file
from saln.offline.select import SelectTask

N, EPOCHS = 370, 3


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "features": rng.normal(size=(N, 12)).astype(np.float32),
        "labels": rng.integers(0, 3, size=N).astype(np.int16),
        "losses": rng.random(N).astype(np.float32),
        "reference_losses": rng.random(N).astype(np.float32),
        "residuals": rng.normal(size=(N, 4)).astype(np.float32),
    }
    arrays["features"][[3, 200], 1] = np.inf
    arrays["losses"][17] = np.nan
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return {name: tmp_path / f"{name}.npy" for name in arrays}


def _served(files: dict[str, Path], values: list[str], method: str, options: dict[str, Any], **how: Any) -> Any:
    """Rows of every batch of the epochs, -1 after short ones, by the sampler."""
    arrays = {name: torch.from_numpy(np.load(files[name])) for name in ("features", *values)}
    if "labels" in arrays:
        arrays["labels"] = arrays["labels"].long()
    samples = SuperBatch(**arrays)
    selector = make_selector(method, **options)
    with pytest.warns(UserWarning, match="not finite"):
        sampler = SpectralBatchSampler(samples, 16, selector=selector, seed=5, n_epochs=EPOCHS, **how)
    batches = [batch for _ in range(EPOCHS) for batch in sampler]
    return np.array([batch + [-1] * (16 - len(batch)) for batch in batches])


METHODS: list[tuple[str, list[str], dict[str, Any], dict[str, Any]]] = [
    ("spectral_candidates", [], {"n_candidates": 16}, {}),
    ("spectral_candidates", [], {"n_candidates": 16, "criterion": "logdet"}, {"drop_last": True, "filter_ratio": 0.5}),
    ("spectral_candidates", ["labels"], {"n_candidates": 16, "candidates": "stratified"}, {"filter_ratio": 0.7}),
    ("uniform", [], {}, {"filter_ratio": 0.0}),
    ("gradient_logdet", ["residuals"], {}, {}),
    ("rho_loss", ["losses", "reference_losses"], {}, {}),
    ("gstds", [], {}, {}),  # changes over training
    ("consecutive_candidates", [], {"n_candidates": 16, "memory": 2}, {}),
    ("guard:uniform", ["labels"], {}, {}),
    ("one_pass:balance=1", ["labels"], {}, {}),  # looks at the whole dataset first
    ("one_pass", [], {}, {"passes": 2}),
    ("guard:floor=0.8:spectral_candidates:n_candidates=16", ["labels"], {"max_reuse": 1}, {}),
    ("portfolio", ["losses", "reference_losses", "residuals"], {}, {}),
]


@pytest.mark.parametrize(("method", "values", "options", "how"), METHODS)
def test_batches_are_the_samplers(
    files: dict[str, Path], in_place: bool, method: str, values: list[str], options: dict[str, Any], how: dict[str, Any]
) -> None:
    output = files["features"].with_name("selected.npy")
    paths = {name: files[name] for name in values}
    summary = select_file(
        files["features"], output, method=method, options=options, values=paths, batch_size=16, epochs=EPOCHS, seed=5,
        **how,
    )  # fmt: skip
    want = _served(files, values, method, options, **how)
    assert np.array_equal(np.load(output), want)
    assert summary.left_out == (3 if "losses" in values else 2)
    assert summary.batches == len(want)
    assert "selected.npy.partial" not in [path.name for path in output.parent.iterdir()]


@pytest.mark.parametrize("method", ["spectral_candidates", "consecutive_candidates"])
@pytest.mark.parametrize("stop_after", [1, 4])
def test_goes_on_where_it_was_interrupted(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, method: str, stop_after: int
) -> None:
    output, options = files["features"].with_name("selected.npy"), {"n_candidates": 16}
    record, blocks = Journal.record, 0
    monkeypatch.setattr(SelectTask, "block", lambda self, memory: 2)

    def interrupted(self: Journal, start: int, rows: Any) -> None:
        nonlocal blocks
        blocks += rows.ndim == 2
        if blocks > stop_after:
            raise KeyboardInterrupt  # chosen, what it left in the memory is kept, but it is not recorded
        record(self, start, rows)

    def run() -> Any:
        return select_file(
            files["features"], output, method=method, options=options, batch_size=16, epochs=EPOCHS, seed=5
        )

    monkeypatch.setattr(Journal, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(Journal, "record", record)
    assert run().resumed == 2 * stop_after
    assert np.array_equal(np.load(output), _served(files, [], method, options))


def test_what_a_method_is_written_with_is_part_of_the_run(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, written = files["features"].with_name("selected.npy"), "guard:floor=0:spectral_candidates:n_candidates=4"
    compute = SelectTask.compute

    def broken(self: SelectTask, prepared: Any) -> Any:
        return compute(self, prepared) if prepared[0] == 0 else 1 / 0

    monkeypatch.setattr(SelectTask, "block", lambda self, memory: 2)
    monkeypatch.setattr(SelectTask, "compute", broken)
    with pytest.raises(ZeroDivisionError):
        select_file(files["features"], output, method=f"{written}:backend=reference", batch_size=16)
    with pytest.raises(ValueError, match=f"method was '{written}:backend=reference', is '{written}'") as error:
        select_file(files["features"], output, method=written, batch_size=16)
    assert "arithmetic backend was 'reference', is 'cpu'" in str(error.value)


def test_streams_parquet_and_writes_candidates(files: dict[str, Path], tmp_path: Path) -> None:
    x = np.load(files["features"])
    table = pa.table({"x": pa.array(list(x), type=pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=50)
    method, options = "spectral_candidates", {"n_candidates": 16}
    how = {"batch_size": 16, "epochs": EPOCHS, "seed": 5}
    for output in ("s.npz", "s.parquet"):
        summary = select_file(tmp_path / "x.parquet", tmp_path / output, method=method, options=options, **how)
        assert summary.features == "streamed by row group"
        scores = score_file(tmp_path / "x.parquet", tmp_path / output, tmp_path / "scores.npy")
        assert scores.candidates == summary.batches
    written = np.load(tmp_path / "s.npz")["candidates"]
    assert np.array_equal(written, _served(files, [], method, options))


def test_a_method_that_looks_at_the_whole_dataset_reads_any_file(files: dict[str, Path], tmp_path: Path) -> None:
    """Streamed parquet, rows that the look finds copies among."""
    x = np.load(files["features"])
    x[300:] = x[100:170]
    np.save(files["features"], x)
    pq.write_table(pa.table({"x": pa.array(list(x), type=pa.list_(pa.float32()))}), tmp_path / "x.parquet", 50)
    how = {"batch_size": 16, "epochs": EPOCHS, "seed": 5}
    summary = select_file(tmp_path / "x.parquet", tmp_path / "s.npy", **how)
    assert summary.features == "streamed by row group, then mapped from a copy that auto looks at"
    assert np.array_equal(np.load(tmp_path / "s.npy"), _served(files, [], "auto", {}))
    assert not (tmp_path / "s.npy.partial").exists()


def test_wrong_arguments(files: dict[str, Path], tmp_path: Path) -> None:
    def run(**options: Any) -> None:
        select_file(files["features"], tmp_path / "s.npy", **options)

    np.save(tmp_path / "short.npy", np.zeros(5, dtype=np.float32))
    for options, message in (
        ({"method": "guess"}, "guess"),
        ({"method": "rho_loss"}, "needs losses"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"filter_ratio": 1.0}, "filter_ratio is 1.0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"memory": 1 << 20}, "memory is 1 MiB; wanted at least"),
        ({"values": {"losses": tmp_path / "short.npy"}}, "losses are 5; wanted 370"),
        ({"values": {"labels": files["losses"]}}, "labels are float32"),
        ({"values": {"mood": files["losses"]}}, "mood"),
        ({"engine": "abacus"}, "abacus"),
    ):
        with pytest.raises(ValueError, match=message):
            run(**options)
    with pytest.raises(TypeError, match="colour"):
        run(options={"colour": 1})
