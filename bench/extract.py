"""What `saln.extract` adds to its model: `python -m bench.extract --data FOLDER --model FOLDER`.

The same batches through a plain loop (load, transform or tokenise, forward, pool, keep) and through the whole call, in
turn. CPU time, one thread, a ratio within a round, the median of the rounds; the limit is 0.95. Checksums of weights
and data and the file's publication do not grow with the rows; they are measured on one batch, and reported apart. The
data are pictures of CIFAR-10, for residual networks of two widths with random weights, and questions of TREC, for a
folder of transformers, in the order of their lengths, so that both pad alike. Writes bench/results/extract-<date>.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, AutoTokenizer

import saln
from bench.look_data import images, load
from bench.machine import describe
from saln.pilot.builtin.residual import ResidualNetwork

BATCH, ROUNDS, LIMIT, N_TEXTS = 32, 7, 0.95, 800
PICTURES = {"narrow": (16, 32, 4096), "wide": (32, 64, 512)}  # width of the network, pixels, rows


def main() -> None:
    """Measure, write, fail below the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.extract", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pictures = [Image.fromarray(image) for image in images(given.data)[: max(n for _, _, n in PICTURES.values())]]
    found = {name: _pictures(width, size, pictures[:n]) for name, (width, size, n) in PICTURES.items()}
    found["texts"] = _texts(str(given.model), _questions(given.data)[:N_TEXTS])
    for name, each in found.items():
        sys.stdout.write(f"{name}: {each}\n")
    command = "python -m bench.extract --data FOLDER --model FOLDER"
    document = {**describe("bench.extract"), "command": command, "batch_size": BATCH, "limit": LIMIT, "rates": found}
    file = Path(__file__).parent / f"results/extract-{date.today()}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write(f"{file}\n")
    if any(each["rate_over_plain_loop"] < LIMIT for each in found.values()):
        raise SystemExit(1)


def _pictures(width: int, size: int, pictures: Sequence[Any]) -> dict[str, Any]:
    model = ResidualNetwork(channels=3, width=width, blocks=1, n_classes=64).eval()

    def transform(picture: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(picture.resize((size, size)))).permute(2, 0, 1).float() / 255

    def plain(rows: Sequence[Any]) -> Any:
        return torch.cat([model(torch.stack([transform(each) for each in batch])) for batch in _batches(rows)])

    return _measure(plain, model, pictures, transform=transform)


def _texts(folder: str, texts: list[str]) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = sorted(texts, key=lambda text: len(tokenizer(text)["input_ids"]), reverse=True)

    def plain(texts: Sequence[Any]) -> Any:
        rows, model = [], AutoModel.from_pretrained(folder).eval()  # by name, as the call has it
        for batch in _batches(texts):
            tokens = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
            mask = tokens["attention_mask"][:, :, None]
            rows.append((model(**tokens).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1))
        return torch.cat(rows)

    return _measure(plain, f"transformers:{folder}", texts)


def _measure(plain: Callable[[Sequence[Any]], Any], model: Any, data: Sequence[Any], **options: Any) -> dict[str, Any]:
    """Rates beyond the first batch, and what comes before it, which does not grow with the rows."""
    ratios, plain_seconds, before = [], [], []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for turn in range(ROUNDS + 1):  # the first one warms up
            seconds = {}
            for rows in (data[:BATCH], data):
                begun = time.process_time()
                expected = plain(rows)
                between = time.process_time()
                file = Path(folder) / f"{turn}-{len(rows)}.npy"
                found = saln.extract(model, rows, file, batch_size=BATCH, progress=False, **options)
                seconds[len(rows)] = between - begun, time.process_time() - between
                np.testing.assert_allclose(found.tensor(), expected, rtol=1e-4, atol=1e-5)
            (little, ours_little), (much, ours_much) = seconds[BATCH], seconds[len(data)]
            ratios.append((much - little) / (ours_much - ours_little))
            plain_seconds.append(much)
            before.append(ours_little - little)
    return {
        "rows": len(data),
        "plain_seconds": round(statistics.median(plain_seconds[1:]), 3),
        "seconds_beforehand": round(statistics.median(before[1:]), 3),
        "rate_over_plain_loop": round(statistics.median(ratios[1:]), 3),
        "all": sorted(round(each, 3) for each in ratios[1:]),
    }


def _batches(data: Sequence[Any]) -> list[Any]:
    return [data[first : first + BATCH] for first in range(0, len(data), BATCH)]


def _questions(data: Path) -> list[str]:
    file = load(data, "text_trec_questions.npz")
    raw, offsets = file["text_utf8"].tobytes(), file["offsets"]
    return [raw[first:last].decode() for first, last in pairwise(offsets)]


if __name__ == "__main__":
    main()
