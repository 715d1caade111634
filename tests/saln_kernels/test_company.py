"""Kernels called from several threads at once, and in processes that were forked or spawned from one that used them."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from every_function import CANDIDATES, ROWS, everything

pytestmark = pytest.mark.usefixtures("on_cpu", "threads")
FEATURES = torch.randn(ROWS, 200, generator=torch.Generator().manual_seed(0))
MANY = CANDIDATES.repeat(200, 1)


def said(n_threads: int) -> list[Any]:
    """What everything says, in plain numbers."""
    torch.set_num_threads(n_threads)
    return [part.nan_to_num(7).tolist() for part in everything(FEATURES, MANY)]


def test_threads_at_once() -> None:
    """Each with a scratch of its own."""
    alone = said(1)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == alone for found in pool.map(said, [1, 2, 1, 2, 1, 2]))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method: str) -> None:
    """As workers of a DataLoader: with one thread, after the parent used two."""
    alone = said(2)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(said, [1, 1]).get(timeout=120) == [alone, alone]
