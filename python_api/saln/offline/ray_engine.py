"""Blocks of a result on a Ray cluster, through Ray Data.

What is sharded: the numbers of the rows to compute. What is broadcast: the task, a few hundred bytes of paths and
options. Every worker maps the files itself, from storage that all nodes see at the same path, and its page cache holds
them for all workers of the node. Only finished rows travel back, to the process that keeps the journal.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saln.needs import missing

if TYPE_CHECKING:
    from saln.offline.engines import Task

Array = npt.NDArray[Any]

ERRORS: dict[str, type[Exception]] = {
    each.__name__: each for each in (ValueError, TypeError, IndexError, OSError, RuntimeError)
}
OBJECT_STORE = 256 << 20
"""Bytes of a local cluster's object store: blocks of finished rows are small."""
MOST_PARTS = 10_000
"""Ray Data plans so many pieces of work well; more blocks share a piece."""


@lru_cache(maxsize=2)
def opened(task: bytes) -> Task:
    """The task of a pickle, once for all its blocks that a process computes: files stay open."""
    found: Task = pickle.loads(task)
    return found


def compute(batch: dict[str, Array], task: bytes) -> dict[str, Array]:
    """One block, in a process of the cluster: its rows as bytes, or what went wrong."""
    content, dtype, shape, kind, message = b"", "", "", "", ""
    try:
        work = opened(task)
        rows = work.compute(work.prepare(int(batch["start"][0]), int(batch["stop"][0])))
        content, dtype, shape = np.ascontiguousarray(rows).tobytes(), rows.dtype.str, ",".join(map(str, rows.shape))
    except tuple(ERRORS.values()) as error:
        kind = next(name for name, each in ERRORS.items() if isinstance(error, each))
        message = str(error)
    found = {"rows": content, "dtype": dtype, "shape": shape, "error": kind, "message": message}
    return {"start": batch["start"], **{name: _one(value) for name, value in found.items()}}


def on_ray(task: Task, blocks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Array]]:
    """Compute blocks on the cluster that RAY_ADDRESS names or that runs here, else on one made for the purpose.

    They come as they are finished, in no order.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing("engine 'ray' needs Ray", "ray", error) from error
    if not blocks:
        return
    ours = not ray.is_initialized()
    if ours:
        _join(ray)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        items = [{"start": start, "stop": stop} for start, stop in blocks]
        found = ray.data.from_items(items, override_num_blocks=min(len(items), MOST_PARTS)).map_batches(
            compute, fn_args=(pickle.dumps(task),), batch_size=1, batch_format="numpy", num_cpus=1
        )
        for row in found.iter_rows():
            if row["error"]:
                raise ERRORS[row["error"]](row["message"])
            shape = tuple(int(size) for size in row["shape"].split(","))
            yield int(row["start"]), np.frombuffer(row["rows"], dtype=row["dtype"]).reshape(shape)
    finally:
        if ours:
            ray.shutdown()


def _join(ray: Any) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:
        ray.init(address="local", include_dashboard=False, object_store_memory=OBJECT_STORE, **quiet)


def _one(value: object) -> Array:
    column = np.empty(1, dtype=object)
    column[0] = value
    return column
