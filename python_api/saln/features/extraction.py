"""Features of a dataset by a model, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saln.datasets import DataError
from saln.datasets.outputs import refuse_input
from saln.features.features import Features
from saln.features.fingerprint import Fingerprint
from saln.features.items import has_length, input_of
from saln.features.job import Job
from saln.features.models.named import make_encoder
from saln.features.models.options import BATCH_SIZE, Options
from saln.features.output import NAME, Output, check_output, finished
from saln.features.progress import Progress, shown
from saln.features.sources import Rows, in_words, open_rows
from saln.journal import Unfinished, begun_with, differences

DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype(np.float32), "float16": np.dtype(np.float16)}


@dataclass(frozen=True)
class Extraction:
    """What a call came to.

    Attributes
    ----------
    features : Features
    cached : bool
        Whether nothing had to be computed.
    resumed : int
        Rows that an earlier call had finished.
    """

    features: Features
    cached: bool
    resumed: int


def extract(
    model: Any,
    data: Any,
    out: str | os.PathLike[str] = "features.npy",
    *,
    layer: str | None = None,
    pooling: str | None = None,
    normalize: bool = False,
    batch_size: int | None = None,
    dtype: str = "float32",
    autocast: str | None = None,
    device: str | torch.device | None = None,
    transform: Callable[[Any], Any] | None = None,
    max_length: int | None = None,
    input: str | None = None,
    pretrained: bool = True,
    num_workers: int | None = None,
    skip_broken: bool = False,
    progress: bool | Progress = True,
    fresh: bool = False,
    **source: Any,
) -> Features:
    """Write a row of features a sample, [N, d], in the dataset's order.

    What is finished is not computed again: the same model and data return the file that is there, and a call that was
    killed goes on where it was. Another model or other data are extracted anew. Models run in evaluation and without
    gradients, and are afterwards where and as they were.

    Parameters
    ----------
    model : Module, callable or str
        A torch module (of timm and sentence-transformers, too); a function of a batch that returns [B, d]; or a name:
        "timm:resnet18", "transformers:NAME_OR_FOLDER", "sentence-transformers:NAME_OR_FOLDER", or "my_file.py:function"
        for a function that returns a model. Texts come to modules and callables as lists of str.
    data : Dataset, DataLoader, array, list, DataFrame, mapping, Hugging Face dataset or path
        Items may be inputs, tuples that begin with one, or mappings. A DataLoader gives batch size, workers and
        `collate_fn`, and must not shuffle. Paths are those of folders of images and of tables.
    out : path
        An npy file. Beside it, `features.npy.json` says what it was made from.
    layer : str, optional
        A name of `model.named_modules()`: its output, in place of the model's.
    pooling : str, optional
        Of tokens [B, T, d]: "mean" over the attention mask (the default), "cls" or "last". Maps [B, C, H, W] are
        averaged over space.
    normalize : bool
        Give each row length 1.
    batch_size : int, optional
        Inputs a forward pass: the DataLoader's, or 32.
    dtype : str
        Of the file, "float32" or "float16".
    autocast : str, optional
        "bfloat16" or "float16": the precision of the model's matrix products.
    device : str or device, optional
        Left out, a module stays where it is, and a model by name goes to the GPU if there is one.
    transform : callable, optional
        An input as the model takes it, in place of the model's own.
    max_length : int, optional
        Tokens of a text, at most: the model's, if left out.
    input : str, optional
        The field of items that are mappings.
    pretrained : bool
        False: the architecture with random weights.
    num_workers : int, optional
        Processes that read data: the DataLoader's, or 0.
    skip_broken : bool
        Rows that cannot be read, or whose features are not finite, become NaN, which samplers never yield, and are
        named in the notes.
    progress : bool or callable
        A bar on standard error; or what is told "features", rows done and rows in all.
    fresh : bool
        Extract even what is there.
    **source
        Of `saln.datasets.read_source`, which opens paths, DataFrames, mappings and Hugging Face datasets:
        `text="question"` is the column with the texts.

    Returns
    -------
    Features
        Mapped, with the fingerprint of the data.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of what is wanted, or a loader shuffles.
    DataError
        If a row cannot be read or its features are not finite; names row and cause. If the file cannot be written, or
        is there and was not extracted.
    RuntimeError
        If another process is at work on the same file.
    ImportError
        If a library is missing; says which extra installs it.

    Notes
    -----
    Texts are sorted by length within windows of 32 batches, so that memory is bounded and a kill costs a window.
    The data are known by 64 rows spread evenly, read before anything else; the model by its layers and all of its
    weights, a callable by its source and one row that is computed again.

    Examples
    --------
    >>> import tempfile, torch, saln
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 10, 14))
    >>> images = torch.rand(50, 3, 16, 16)
    >>> out = f"{tempfile.mkdtemp()}/features.npy"
    >>> features = saln.extract(model, images, out, layer="1", progress=False)
    >>> features.rows, features.width, features.model["layer"]
    (50, 8, '1')
    >>> sampler = saln.SpectralBatchSampler(features, batch_size=10)
    """
    options = {
        "layer": layer, "pooling": pooling, "normalize": normalize, "autocast": autocast, "device": device,
        "transform": transform, "max_length": max_length, "input": input, "pretrained": pretrained,
    }  # fmt: skip
    return run(
        model, data, Path(out), options, batch_size=batch_size, dtype=dtype, num_workers=num_workers,
        skip_broken=skip_broken, progress=progress, fresh=fresh, source=source,
    ).features  # fmt: skip


def run(
    model: Any,
    data: Any,
    out: Path,
    options: dict[str, Any],
    *,
    batch_size: int | None,
    dtype: str,
    num_workers: int | None,
    skip_broken: bool,
    progress: bool | Progress,
    fresh: bool,
    source: dict[str, Any],
) -> Extraction:
    """As `extract`, and what it came to."""
    check_output(out)
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, want {', '.join(DTYPES)}")
    if isinstance(data, str | os.PathLike):
        refuse_input(out, [Path(data)])
    rows = open_rows(data, **source)
    if options["transform"] is not None and rows.collate is not None:
        raise ValueError("transform is given, and the loader has a collate_fn of its own: want one of them")
    size = batch_size if batch_size is not None else rows.batch_size or BATCH_SIZE
    fingerprint = Fingerprint.of(rows.dataset, options["input"])
    example = _example(rows, options["input"], skip_broken)
    encoder = make_encoder(model, Options(**options, batch_size=size, collate=rows.collate), example)
    workers = num_workers if num_workers is not None else rows.num_workers or 0
    windows = has_length(example)
    job = Job(encoder, rows, DTYPES[dtype], num_workers=workers, skip_broken=skip_broken, windows=windows)
    inputs = job.inputs([probe.row for probe in fingerprint.probes])
    facts = {"model": encoder.facts(), "data": fingerprint.content(), "inputs": inputs, "dtype": dtype}
    if not fresh:
        found = finished(out, facts)
        if found is not None and (encoder.module is not None or job.agrees(found)):
            job.refuse_broken(found.broken)
            return Extraction(found, cached=True, resumed=0)
    begun = None if fresh else begun_with(out)
    other = begun is not None and bool(differences(begun, facts))
    with Unfinished(out, facts, result=NAME, restart=fresh or other) as work:
        output = Output(work, len(rows), DTYPES[dtype])
        resumed = output.n_done
        job.refuse_broken(output.broken)
        with shown(progress) as tell:
            job.extract(output, tell)
        features = output.publish(out, encoder.name, facts, fingerprint, job.notes(output))
        return Extraction(features, cached=False, resumed=resumed)


def _example(rows: Rows, input: str | None, skip_broken: bool) -> Any:
    """The first input that can be read."""
    for row in range(len(rows)):
        try:
            return input_of(rows.dataset[row], input)
        except Exception as error:
            if not skip_broken:
                raise DataError(f"row {row} of the data: cannot be read: {in_words(error)}") from error
    raise DataError(f"none of the {len(rows)} rows of the data can be read")
