"""A pilot's curves and its outcome in Weights & Biases and MLflow, by what their own libraries read back."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import saln.pilot
from saln.pilot.output import live
from saln.pilot.output.result import PilotResult

ROWS = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))


def train(sampler: Any, seed: int) -> Any:
    """Reports a value that can be worked out from the step."""
    for step, _ in enumerate(sampler, start=1):
        if step % 2 == 0:
            yield step, {"rmse": 1.0 / step + seed}


def compared(tracker: live.Tracker) -> PilotResult:
    result = saln.pilot.compare(
        train, features=ROWS, batch_size=16, methods=["k_center"], seeds=2, progress=False, watchers=[tracker]
    )
    tracker.outcome(result)
    return result


NAMES = {f"{method}/seed-{seed}" for method in ("uniform", "k_center") for seed in (0, 1)} | {live.SUMMARY}


def test_curves_and_outcome_are_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    result = compared(live.mlflow("does it pay"))
    client = mlflow.MlflowClient()
    (experiment,) = [each for each in client.search_experiments() if each.name == "does it pay"]
    runs = {each.info.run_name: each for each in client.search_runs([experiment.experiment_id])}
    assert set(runs) == NAMES
    assert {each.info.status for each in runs.values()} == {"FINISHED"}
    curve = client.get_metric_history(runs["k_center/seed-1"].info.run_id, "rmse")
    assert {each.step: each.value for each in curve} == {step: pytest.approx(1 / step + 1) for step in (2, 4, 6)}
    summary = runs[live.SUMMARY]
    assert summary.data.tags["decision"] == result.decision.outcome
    assert summary.data.metrics["k_center/final rmse"] == pytest.approx(1 / 6 + 0.5)
    live.mlflow("does it pay")  # an experiment that is there already is gone on with


def test_curves_and_outcome_are_in_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    result = compared(live.wandb("does it pay"))
    wandb.teardown()
    found = [records(path) for path in tmp_path.rglob("*.wandb")]
    assert {each["name"] for each in found} == NAMES
    runs = {each["name"]: each for each in found}
    assert {each["project"] for each in found} == {"does it pay"}
    curve = {int(row["_step"]): float(row["rmse"]) for row in runs["k_center/seed-1"]["history"]}
    assert curve == {step: pytest.approx(1 / step + 1) for step in (2, 4, 6)}
    summary = runs[live.SUMMARY]["summary"]
    assert summary["decision"] == result.decision.outcome
    assert summary["k_center/final rmse"] == pytest.approx(1 / 6 + 0.5)


def records(path: Path) -> dict[str, Any]:
    """A run out of the file that `wandb sync` sends."""
    from wandb.proto import wandb_internal_pb2

    run: dict[str, Any] = {"history": [], "summary": {}}
    for data in logged(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run |= {"name": record.run.display_name, "project": record.run.project}
        elif kind == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            run["history"].append(row)
        elif kind == "summary":
            run["summary"] |= {
                item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.summary.update
            }
    return run


def logged(content: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log: blocks of 32 KiB, a record whole (1) or in parts (2 the first, 4 the last)."""
    block, header, at, parts = 32768, 7, 7, b""
    while at + header <= len(content):
        if block - at % block < header:
            at += block - at % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + header : at + header + length]
        at += header + length
        if kind in (1, 4):
            yield parts
            parts = b""


@pytest.mark.parametrize(("make", "package"), [(live.wandb, "wandb"), (live.mlflow, "mlflow-skinny")])
def test_what_is_not_installed_is_said(make: Any, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package.partition("-")[0], None)
    with pytest.raises(saln.pilot.PilotError, match=f"pip install {package}"):
        make("project")
