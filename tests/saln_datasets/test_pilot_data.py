"""`saln pilot` on data as people have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from saln.cli import app

N = 60


def pilot(folder: Path, *arguments: str) -> Result:
    short = ["--methods", "uniform", "--seeds", "2", "--steps", "2", "--batch-size", "4", "--evaluations", "1"]
    return CliRunner().invoke(app, ["pilot", *arguments, *short, "-o", str(folder / "r.html")])


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    lines = [f"{i}\t鋼板に傷がありますので交換してください{i}\t{'不良' if i % 2 else '良品'}" for i in range(N)]
    (tmp_path / "t.tsv").write_bytes("\n".join(["番号\t本文\tラベル", *lines]).encode("cp932"))
    return tmp_path / "t.tsv"


def test_texts_with_features_beside_them(texts: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(N, 8)))
    done = pilot(tmp_path, str(texts), "--features", str(tmp_path / "f.npy"))
    assert done.exit_code == 0, done.output
    page = (tmp_path / "r.html").read_text("utf-8")
    for words in ("不良", "t.tsv was read as Shift-JIS (cp932).", "Columns that were not used: &#39;番号&#39;."):
        assert words in page


def test_a_folder_of_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (N, 12, 12, 3), dtype=np.uint8)
    for place, each in enumerate(pixels):
        folder = tmp_path / "photos" / ("test" if place % 4 == 0 else "train") / "abc"[place % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(folder / f"{place}.png")
    done = pilot(tmp_path, str(tmp_path / "photos"), "--model", "resnet", "--image-size", "8", "--width", "4")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "t.tsv --model NAME -o features.npy, and then --features features.npy"),
        (["--features", "givn"], "features 'givn' is neither a file nor one of auto, given, reference"),
        (["--label-key", "kind"], "no array or column named 'kind'; it has 番号, 本文, ラベル"),
    ],
)
def test_errors_are_one_line(texts: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = pilot(tmp_path, str(texts), *arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert len(done.output.strip().splitlines()) == 1
