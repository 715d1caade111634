"""The engine ray against the engine local: the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saln.journal import Journal
from saln.offline import score_file, select_file

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.integrations


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two workers; what is tested finds it running."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                 object_store_memory=100 << 20)  # fmt: skip
        yield
        ray.shutdown()


def test_scores_are_the_same_bytes(features: Path, candidates: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = score_file(
        features, candidates, tmp_path / "ray.npy", similarity="cosine", engine="ray", chunk=40,
        progress=lambda what, finished, total: seen.append((finished, total)),
    )  # fmt: skip
    score_file(features, candidates, tmp_path / "local.npy", similarity="cosine")
    assert (tmp_path / "ray.npy").read_bytes() == (tmp_path / "local.npy").read_bytes()
    assert (seen[0], seen[-1], len(seen)) == ((0, 300), (300, 300), 9)
    assert summary.resumed == 0


def test_scores_with_residuals_and_quality_are_the_same_bytes(features: Path, candidates: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "values.npz", residuals=rng.normal(size=(400, 5)), quality=rng.random(400))
    how: dict[str, Any] = {name: tmp_path / "values.npz" for name in ("residuals", "quality")}
    how["similarity"] = "gradient"
    score_file(features, candidates, tmp_path / "ray.npy", engine="ray", chunk=40, **how)
    score_file(features, candidates, tmp_path / "local.npy", **how)
    assert (tmp_path / "ray.npy").read_bytes() == (tmp_path / "local.npy").read_bytes()


def test_what_one_engine_began_the_other_goes_on_with(
    features: Path, candidates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Journal.record

    def interrupted(self: Journal, start: int, rows: Any) -> None:
        record(self, start, rows)
        if self.n_done > 100:
            raise KeyboardInterrupt

    want = tmp_path / "want.npy"
    score_file(features, candidates, want)
    for first, second in (("ray", "local"), ("local", "ray")):
        output = tmp_path / f"{first}.npy"
        monkeypatch.setattr(Journal, "record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            score_file(features, candidates, output, engine=first, chunk=30)
        monkeypatch.setattr(Journal, "record", record)
        assert score_file(features, candidates, output, engine=second, chunk=70).resumed == 120
        assert output.read_bytes() == want.read_bytes()


def test_batches_are_the_same_bytes(features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how: dict[str, Any] = {"batch_size": 8, "epochs": 2, "method": "spectral_candidates:n_candidates=16"}
    summary = select_file(features, tmp_path / "ray.npy", engine="ray", **how)
    select_file(features, tmp_path / "local.npy", **how)
    assert (tmp_path / "ray.npy").read_bytes() == (tmp_path / "local.npy").read_bytes()
    assert summary.left_out == 1
    with pytest.raises(ValueError, match=r"engine is 'ray'; wanted 'local'.*consecutive_candidates"):
        select_file(features, tmp_path / "s.npy", method="consecutive_candidates", engine="ray", batch_size=8)


def test_errors_of_workers_are_those_of_this_process(features: Path, candidates: Path, tmp_path: Path) -> None:
    c = np.load(candidates)
    c[222, 1] = 400
    np.save(candidates, c)
    with pytest.raises(IndexError, match=r"^candidates\[222, 1\] is 400; wanted 0 to 399, or -1 for padding$"):
        score_file(features, candidates, tmp_path / "s.npy", engine="ray", chunk=50)
