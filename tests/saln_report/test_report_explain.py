"""A batch explained: spectra, directions, carriers and cuts with known answers; the command and its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import saln_kernels
from pages import assert_page, assert_picture, english_in
from saln.cli import app
from saln.datasets import DataError
from saln.explain import explain_batch
from saln.pages.explain_page import direction_words, headline
from saln.pages.samples import thumbnails

RUNNER = CliRunner()


def features(n: int = 200, d: int = 12) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def test_spectrum_and_rank_are_those_of_the_kernels() -> None:
    x, rows = features(), torch.arange(5, 21)
    found = explain_batch(x, rows, references=64)
    assert found.spectrum == pytest.approx(
        saln_kernels.topk_eigvals(x, rows[None], 16, similarity="cosine")[0].tolist(), rel=1e-5, abs=1e-6
    )
    assert found.effective_rank == pytest.approx(
        float(saln_kernels.score_batches(x, rows[None], similarity="cosine")[0])
    )
    matrix = np.asarray(found.matrix)
    order = torch.tensor(found.rows)
    assert matrix == pytest.approx(
        torch.nn.functional.cosine_similarity(x[order][:, None], x[order][None], dim=2), abs=1e-5
    )


def test_shares_loadings_and_carriers_are_consistent() -> None:
    x, rows = features(), torch.arange(16)
    found = explain_batch(x, rows, directions=16, carriers=16, references=8)
    assert sum(each.share for each in found.directions) == pytest.approx(1.0)
    gram = saln_kernels.gram(x, rows[None], similarity="cosine")[0].double()
    for each in found.directions[:6]:
        assert sum(carrier.share for carrier in each.carriers) == pytest.approx(1.0, abs=1e-5)
        vector = torch.zeros(16, dtype=torch.float64)
        vector[[carrier.row for carrier in each.carriers]] = torch.tensor(
            [carrier.loading for carrier in each.carriers], dtype=torch.float64
        )
        assert float((gram @ vector - each.eigenvalue * vector).norm()) < 1e-4
        assert each.carried_by == pytest.approx(1 / float(vector.pow(4).sum()), rel=1e-4)


def test_a_duplicate_heavy_batch_is_less_varied_and_an_orthogonal_one_more() -> None:
    x = features()
    same = torch.cat([torch.zeros(12, dtype=torch.int64), torch.tensor([1, 2, 3, 4])])
    assert explain_batch(x, same, references=64).above == 0.0
    basis = torch.cat([x, torch.eye(12)])
    found = explain_batch(basis, torch.arange(200, 212), references=64)
    assert found.effective_rank == pytest.approx(12.0, rel=1e-5)
    assert found.above == 1.0
    assert "more varied than 99 of 100" in headline(found)


def test_random_batches_fall_anywhere_among_random_batches() -> None:
    x, source = features(), torch.Generator().manual_seed(1)
    above = [
        explain_batch(x, torch.randperm(200, generator=source)[:16], references=99, seed=seed).above
        for seed in range(40)
    ]
    assert 0.3 < np.mean(above) < 0.7
    assert np.std(above) > 0.15


@pytest.mark.parametrize("laplacian", ["unnormalized", "symmetric"])
def test_two_clusters_are_cut_apart(laplacian: str) -> None:
    source = torch.Generator().manual_seed(2)
    first = torch.tensor([5.0, 0.0, 1.0]) + 0.2 * torch.randn(9, 3, generator=source)
    second = torch.tensor([0.0, 5.0, 1.0]) + 0.2 * torch.randn(6, 3, generator=source)
    labels = ["a"] * 9 + ["b"] * 6
    found = explain_batch(
        torch.cat([first, second]), torch.arange(15), laplacian=laplacian, references=4, labels=labels
    )
    assert found.split is not None
    assert [sorted(side) for side in found.split.sides] == [list(range(9, 15)), list(range(9))]
    assert found.split.within > 0.9 > 0.2 > found.split.across
    assert found.labels in (("a",) * 9 + ("b",) * 6, ("b",) * 6 + ("a",) * 9)


def test_directions_without_a_share_are_left_out() -> None:
    x = features(d=3)
    found = explain_batch(x, torch.arange(9), directions=9, references=4)
    assert len(found.directions) == 3
    assert sum(each.share for each in found.directions) == pytest.approx(1.0)
    nothing = explain_batch(torch.zeros(20, 3), torch.arange(5), similarity="linear", references=4)
    assert [direction_words(each)[:5] for each in nothing.directions] == ["0.0\u00a0%"]


def test_precomputed_similarities_are_explained_alike() -> None:
    x, rows = features().double(), torch.arange(5, 21)
    found = explain_batch(x @ x.T, rows, similarity="precomputed", references=8)
    wanted = explain_batch(x, rows, similarity="linear", references=8)
    assert found.spectrum == pytest.approx(wanted.spectrum, abs=1e-9)
    assert found.reference_rank == pytest.approx(wanted.reference_rank)


def test_padding_and_pool() -> None:
    x, rows = features(), torch.tensor([4, 9, 30, -1, -1])
    assert explain_batch(x, rows, references=8).as_dict() == explain_batch(x, rows[:3], references=8).as_dict()
    near = torch.cat([x[:100], x[:1].expand(100, -1)])  # what the pool holds beside the batch is one sample, repeated
    assert explain_batch(near, torch.arange(8), pool=torch.arange(100, 200), references=16).above == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch": torch.tensor([0, 200])}, "row 200, but the features have 200 rows"),
        ({"batch": torch.tensor([0, -2])}, "row -2"),
        ({"batch": torch.tensor([3, -1])}, "1 rows; wanted at least 2"),
        ({"batch": torch.tensor([0.0, 1.0])}, "float32"),
        ({"batch": torch.tensor([0, 7])}, "row 7, whose features are not all finite"),
        ({"features": torch.zeros(3)}, r"features are \[3\]"),
        ({"references": 1}, "references must be at least 2, not 1"),
        ({"directions": 0}, "directions must be at least 1, not 0"),
        ({"carriers": -1}, "carriers must be at least 1, not -1"),
        ({"similarity": "gradient"}, "similarity is 'gradient'; wanted one of linear, cosine, rbf, precomputed$"),
        ({"pool": torch.tensor([1])}, "pool has 1 rows"),
        ({"pool": torch.tensor([1, 200])}, "pool has row 200, but the features have 200 rows"),
        ({"pool": torch.arange(9.0)}, r"pool is torch.float32 \[9\]; wanted row numbers"),
        ({"labels": ["a", "b"]}, "labels are 2; wanted 200, one for each row of features"),
    ],
)
def test_wrong_input_is_named(arguments: dict[str, Any], words: str) -> None:
    x = features()
    x[7] = float("nan")
    given = {"features": x, "batch": torch.arange(5), "references": 4, **arguments}
    with pytest.raises(DataError, match=words):
        explain_batch(given.pop("features"), given.pop("batch"), **given)


def test_a_batch_whose_similarities_overflow_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"batch has linear similarities that are not finite: squares of features up to "
    ):
        explain_batch(features() * 1e25, torch.arange(4, 9), similarity="linear", references=16)


def test_random_batches_whose_similarities_overflow_are_not_compared_with() -> None:
    x = features()
    x[::9] *= 1e25
    found = explain_batch(x, torch.arange(1, 5), similarity="linear", references=200)
    assert 80 < found.references < 170  # (8 / 9)⁴ of 200 are 125
    assert np.isfinite(np.asarray(found.reference)).all()
    assert np.isfinite(found.reference_rank).all()
    rows = torch.tensor([row for row in range(200) if row % 9])
    assert found.above == pytest.approx(
        explain_batch(x, torch.arange(1, 5), similarity="linear", references=200, pool=rows, seed=1).above, abs=0.2
    )
    with pytest.raises(DataError, match="pool: 0 of 16 random batches have finite similarities; wanted at least 2"):
        explain_batch(x, torch.arange(1, 5), similarity="linear", references=16, pool=torch.arange(0, 200, 9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    x = features().numpy()
    labels = np.arange(200) % 3
    batches = np.random.default_rng(0).permutation(200)[:160].reshape(10, 16)
    np.savez(tmp_path / "data.npz", features=x, labels=labels, class_names=np.array(["p", "q<b>", "r"]))
    np.savez(tmp_path / "images.npz", images=np.random.default_rng(0).integers(0, 255, (200, 9, 9), dtype=np.uint8))
    np.save(tmp_path / "batches.npy", batches)
    chosen = tmp_path / "report.pilot" / "chosen"
    chosen.mkdir(parents=True)
    pool = np.arange(200) < 160
    arrays = {"labels": labels, "is_test": ~pool, "pool": pool, "predictions": np.where(pool, -1, labels)}
    np.savez(chosen / "jest-seed0.npz", chosen=np.arange(160).reshape(10, 16), **arrays)
    return tmp_path


def call(*arguments: object) -> Any:
    return RUNNER.invoke(app, ["explain", *map(str, arguments)])


def test_numbers_files_and_runs_name_the_same_batch(folder: Path) -> None:
    data, batches = folder / "data.npz", np.load(folder / "batches.npy")
    numbers = ",".join(map(str, batches[3]))
    documents = [
        json.loads(call(data, *batch, "--references", 16, "--json").stdout)
        for batch in ((numbers,), (folder / "batches.npy", "--step", 4))
    ]
    for document in documents:
        assert document.pop("schema") == "saln.explain/1"
        document.pop("command")
    assert documents[0] == documents[1]
    of_run = json.loads(
        call(data, f"{folder}/report.pilot:jest-seed0", "--step", 1, "--references", 16, "--json").stdout
    )
    assert sorted(of_run["rows"]) == list(range(16))


def test_an_overflow_is_an_error_of_one_line(folder: Path) -> None:
    np.save(folder / "large.npy", (features() * 1e25).numpy())
    done = call(folder / "large.npy", "4,5,6", "--similarity", "linear")
    assert done.exit_code == 2
    assert "similarities that are not finite" in done.stderr
    assert done.stdout == ""


def test_it_says_what_it_found(folder: Path) -> None:
    done = call(folder / "data.npz", "1,2,3,4,5,6", "--labels", folder / "data.npz", "--laplacian", "symmetric")
    assert done.exit_code == 0, done.output
    assert "6 samples worth" in done.stdout
    assert "Direction 4:" in done.stdout
    assert "symmetric Laplacian" in done.stdout
    assert "(q<b>)" in done.stdout


def test_repeated_rows_are_remarked(folder: Path) -> None:
    output = folder / "out.html"
    done = call(folder / "data.npz", "3,3,7,5,5,5,8", "-o", output, "--references", 4)
    words = "The batch holds row 5 (3 times), row 3 (2 times); each time counts as a sample of its own."
    assert done.exit_code == 0, done.output
    assert words in done.stdout
    assert words in output.read_text("utf-8")
    call(folder / "data.npz", "3,3,7,5,5,5,8", "-o", output, "--references", 4, "--lang", "ja")
    assert "行5（3回）、行3（2回）" in output.read_text("utf-8")
    assert "The batch holds" not in call(folder / "data.npz", "3,7,5", "--references", 4).stdout


def test_the_columns_of_a_table_are_features_on_one_scale(tmp_path: Path) -> None:
    x = features(60, 3).numpy() * [1.0, 100.0, 0.01]
    rows = [f"{a},{b if n else ''},{c},{'pq'[n % 2]}" for n, (a, b, c) in enumerate(x.tolist())]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,verdict", *rows]))
    table = tmp_path / "t.csv"
    done = call(table, "0,1,2,3,4,5", "--labels", f"{table}:verdict", "--references", 4, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["labels"] == ["pq"[row % 2] for row in found["rows"]]
    assert sum(value > 1e-4 for value in found["spectrum"]) == 3  # the verdict is none of them


def test_all_of_a_page_is_japanese(folder: Path) -> None:
    """Directions, the cut and the figures were in English."""
    output = folder / "out.html"
    shown = ("--images", folder / "images.npz", "--labels", folder / "data.npz")
    for more in (("--laplacian", "symmetric"), ("--laplacian", "unnormalized", *shown)):
        call(folder / "data.npz", "1,2,3,4,5,6", "-o", output, "--references", 4, "--lang", "ja", *more)
        page = output.read_text("utf-8")
        assert_page(page)
        assert english_in(page) == []
        assert "、担うのは約" in page
        assert "ラプラシアン）。" in page


def test_no_samples_have_no_picture() -> None:
    assert thumbnails(torch.zeros(0, 3, 4, 4)) == ""
    assert thumbnails(torch.zeros(1, 3, 4, 4)).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("ending", ["html", "svg", "png"])
def test_a_page_or_a_picture(folder: Path, ending: str) -> None:
    output = folder / f"out.{ending}"
    done = call(
        folder / "data.npz", folder / "batches.npy", "--step", 1, "--laplacian", "unnormalized", "--references", 16,
        "--labels", folder / "data.npz", "--images", folder / "images.npz", "-o", output,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    if ending != "html":
        assert_picture(output)
        return
    page = output.read_text("utf-8")
    assert_page(page)
    assert page.count("<svg") == 3
    assert page.count("<img ") == 4 + 2  # directions and sides
    assert "q&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data.npz", "absent.npy"], ["absent.npy", "no such file"]),
        (["data.npz", "batches.npy"], ["step", "10 batches"]),
        (["data.npz", "batches.npy", "--step", "11"], ["step is 11", "1 to 10"]),
        (["data.npz", "1,2,900"], ["row 900", "200 rows"]),
        (["data.npz", "1,2,3", "--laplacian", "none"], ["laplacian"]),
        (["data.npz", "1,2,3", "--similarity", "none"], ["similarity is 'none'; wanted one of linear, cosine"]),
        (["data.npz", "1,2,3", "--directions", "0"], ["directions must be at least 1"]),
        (["data.npz", "1,2,3", "--images", "data.npz"], ["images"]),
        (["data.npz", "1,2,3", "-o", "out.txt"], ["out.txt"]),
    ],
)
def test_errors_are_one_line(folder: Path, arguments: list[str], words: list[str]) -> None:
    done = call(*(folder / each if each.endswith(("npy", "npz", "txt")) else each for each in arguments))
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr
