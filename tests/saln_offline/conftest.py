"""Files of features and candidates, and whether they are used in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saln.offline import rows

N, WIDTH = 400, 12


@pytest.fixture(params=[True, False], ids=["in place", "gathered"])
def in_place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to read a mapped file, whatever memory there is."""
    monkeypatch.setattr(rows, "fits", lambda n_bytes: request.param)
    found: bool = request.param
    return found


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """`[400, 12]` float32, one row not finite."""
    x = np.random.default_rng(0).normal(size=(N, WIDTH)).astype(np.float32)
    x[13, 3] = np.nan
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "x.npy"


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    """`[300, 8]` with padding, one candidate of nothing else, one of one row over and over."""
    c = np.random.default_rng(1).integers(-1, N, size=(300, 8))
    c[5], c[6] = -1, 21
    np.save(tmp_path / "c.npy", c)
    return tmp_path / "c.npy"
