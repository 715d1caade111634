"""Whole pilots as a user writes them: `python -m bench.pilots --data FOLDER --model FOLDER --work FOLDER`.

Every script of examples/pilots in a process of its own, from its first import to its report, in seconds of wall clock:
run it where nothing else runs. FOLDER of data has the real data sets; of texts and images three tenths of the labels
are made wrong. The model is a folder of transformers. Writes bench/results/pilots-<date>.json; reports and data stay in
--work.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import runpy
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.look_data import CIFAR, FEATURES, images, load
from bench.machine import ROOT, describe
from saln.pilot import PilotResult

WRONG, TRAIN_IMAGES, TEST_IMAGES = 0.3, 8000, 2000
LIMIT = 600.0  # seconds that each may take


def main() -> None:
    """Prepare, run, write; fail where one took too long."""
    parser = argparse.ArgumentParser(prog="python -m bench.pilots", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="a folder that is new")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / f"results/pilots-{date.today()}.json")
    parser.add_argument("--only", nargs="+", choices=PREPARE, default=list(PREPARE), help="others stay as they were")
    given = parser.parse_args()
    there = json.loads(given.output.read_text())["pilots"] if given.output.exists() else {}
    document = {**describe("bench.pilots"), "limit": LIMIT, "wrong_labels": WRONG, "pilots": there}
    document["command"] = "python -m bench.pilots --data FOLDER --model FOLDER --work FOLDER"
    for name in given.only:
        folder = given.work / name
        folder.mkdir(parents=True)
        PREPARE[name](given.data, folder)
        arguments = [str(given.model.resolve())] if name == "texts" else []
        document["pilots"][name] = {"commit": document["git"]["commit"], **_run(name, folder, arguments)}
        given.output.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write(f"{given.output}\n")
    if any(pilot["seconds"] > LIMIT for pilot in document["pilots"].values()):
        raise SystemExit(1)


def _run(name: str, folder: Path, arguments: list[str]) -> dict[str, Any]:
    load_before = os.getloadavg()[0]
    began = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found, cpu_seconds = pool.submit(_script, name, folder, arguments).result()
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{name}: {seconds:.0f} s of {LIMIT:.0f}\n")
    return {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1), "load_before": load_before, **found}


def _script(name: str, folder: Path, arguments: list[str]) -> tuple[dict[str, Any], float]:
    """What its pilot found, and its CPU time."""
    script = ROOT / "examples/pilots" / f"{name}.py"
    os.chdir(folder)
    sys.argv = [str(script), *arguments]
    result = runpy.run_path(str(script), run_name="__main__")["result"]
    return summary(result), time.process_time()


def summary(result: PilotResult) -> dict[str, Any]:
    """By method: the final value of the metric, its difference to uniform's, times as fast; and what to do."""
    final = f"final_{result.metric.name}"
    methods = {}
    for kpis in result.kpis:
        found = {
            "final": kpis.known(final),
            "against_uniform": kpis.against(final),
            "speed_up": kpis.against("speed_up"),
        }
        methods[kpis.method] = {name: each if isinstance(each, float) else _ends(each) for name, each in found.items()}
    size = {"metric": result.metric.name, "seeds": result.config.seeds, "steps": result.steps}
    return {**size, "decision": result.decision.outcome, "methods": methods}


def _ends(found: Any) -> list[float | None] | None:
    return None if found is None else [found.mean, found.low, found.high]


def _wrong(labels: Any, is_test: Any, n_classes: int) -> Any:
    source = np.random.default_rng(0)
    wrong = ~is_test & (source.random(len(labels)) < WRONG)
    return np.where(wrong, (labels + source.integers(1, n_classes, len(labels))) % n_classes, labels)


def _texts(data: Path, folder: Path) -> None:
    file = load(data, "text_trec_questions.npz")
    raw, offsets, names = file["text_utf8"].tobytes(), file["offsets"], file["class_names"]
    labels = _wrong(file["labels"].astype(int), file["is_test"], len(names))
    for name, part in (("train", ~file["is_test"]), ("test", file["is_test"])):
        rows = [(raw[offsets[row] : offsets[row + 1]].decode(), names[labels[row]]) for row in np.flatnonzero(part)]
        _write(folder / f"{name}.tsv", ("text", "label"), rows, "\t")


def _images(data: Path, folder: Path) -> None:
    file = load(data, CIFAR)
    labels = _wrong(file["labels"].astype(int), file["is_test"], 10)
    train, test = np.flatnonzero(~file["is_test"])[:TRAIN_IMAGES], np.flatnonzero(file["is_test"])[:TEST_IMAGES]
    rows = np.concatenate([train, test])
    arrays = {"labels": labels[rows], "is_test": file["is_test"][rows], "class_names": file["class_names"]}
    np.savez(folder / "images.npz", images=images(data)[rows], **arrays)
    np.save(folder / "features.npy", load(data, FEATURES)["features"][train])


def _table(data: Path, folder: Path) -> None:
    file = load(data, "secom_semiconductor.npz")
    results = np.array(["pass", "fail"])[file["y"]]
    sensors = [["" if np.isnan(value) else f"{value:.7g}" for value in row] for row in file["X"]]
    rows = [(*row, result, int(test)) for row, result, test in zip(sensors, results, file["is_test"], strict=True)]
    _write(folder / "table.csv", (*(f"s{number:03d}" for number in file["sensor"]), "result", "is_test"), rows, ",")


def _write(file: Path, header: tuple[str, ...], rows: list[Any], delimiter: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines, delimiter=delimiter).writerows([header, *rows])


PREPARE = {"table": _table, "texts": _texts, "images": _images}


if __name__ == "__main__":
    main()
