"""Which column is what: by the user's word, by usual names, by content; the rest is named."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from saln.datasets import DataError, load_dataset, read_source

N = 60
SENTENCES = [f"The film number {i} was a pleasure to watch" for i in range(N)]
NOISE = np.random.default_rng(0).normal(size=N)
LABEL = np.tile([0, 1, 2], N // 3)


def csv(folder: Path, **columns: Any) -> Path:
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return folder / "t.csv"


def png(value: int = 7, size: tuple[int, int] = (5, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (value, 0, 0)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("label", ["label", "Label", "CLASS", "category", "y", "ラベル"])
@pytest.mark.parametrize("text", ["text", "Sentence", "REVIEW", "本文"])
def test_texts_by_usual_names(tmp_path: Path, label: str, text: str) -> None:
    source = read_source(csv(tmp_path, **{"id": range(N), label: LABEL, text: SENTENCES, "score": NOISE}))
    assert source.kind == "texts"
    assert source[2] == SENTENCES[2]
    assert source.labels is not None
    assert source.labels.tolist() == LABEL.tolist()
    assert source.notes == ("Columns that were not used: 'id', 'score'.",)
    assert source.ids[2] == "row 2"


def test_texts_by_content(tmp_path: Path) -> None:
    source = read_source(csv(tmp_path, said=SENTENCES, mood=["good" if i % 2 else "bad" for i in range(N)]))
    assert source.kind == "texts"
    assert source.class_names == ("bad", "good")
    japanese = [f"この鋼板には傷がありますので交換してください{i}" for i in range(N)]
    assert read_source(csv(tmp_path, a=japanese, label=LABEL)).kind == "texts"


def test_sentences_may_be_repeated_where_a_name_says_so(tmp_path: Path) -> None:
    assert read_source(csv(tmp_path, text=SENTENCES[:4] * 15, label=LABEL)).kind == "texts"
    source = read_source(csv(tmp_path, weight=NOISE, text=["ok", "bad"] * 30, label=LABEL))
    assert source.feature_names == ("weight", "text=bad", "text=ok")


def test_of_two_columns_of_sentences_one_must_be_named(tmp_path: Path) -> None:
    path = csv(tmp_path, first=SENTENCES, second=SENTENCES[::-1], label=LABEL)
    with pytest.raises(DataError, match=r"which column holds the texts\? name one \(text\) of first, second"):
        read_source(path)
    assert read_source(path, text="second")[0] == SENTENCES[-1]


def test_sentences_beside_numbers_are_left_out_of_a_table(tmp_path: Path) -> None:
    path = csv(tmp_path, weight=NOISE, remark=SENTENCES, label=LABEL)
    source = read_source(path)
    assert source.kind == "table"
    assert source.feature_names == ("weight",)
    assert source.notes == (
        "Columns left out of the features: 'remark' (texts, 'The film number 0 was a pleasure to wat…' in row 0). "
        "Naming columns takes others.",
    )
    assert read_source(path, text="remark").kind == "texts"


def test_a_text_without_labels(tmp_path: Path) -> None:
    source = read_source(csv(tmp_path, text=SENTENCES, weight=NOISE))
    assert source.labels is None
    assert source.class_names == ()
    assert source.notes == (
        "No column has a usual name of labels: there are none. Name it (label) if one holds them.",
        "Columns that were not used: 'weight'.",
    )


def test_bytes_that_are_no_images_make_no_images(tmp_path: Path) -> None:
    sounds = [{"bytes": b"RIFF0000WAVE", "path": f"{i}.wav"} for i in range(N)]
    pq.write_table(pa.table({"audio": sounds, "weight": NOISE, "label": LABEL}), tmp_path / "t.parquet")
    source = read_source(tmp_path / "t.parquet")
    assert source.kind == "table"
    assert "'audio' (holds struct<bytes: binary, path: string>" in source.notes[0]


def test_texts_want_features_in_the_pilot(tmp_path: Path) -> None:
    path = csv(tmp_path, text=SENTENCES, label=LABEL)
    with pytest.raises(DataError, match=r"saln extract .*t\.csv --model NAME -o features\.npy, and then --features"):
        load_dataset(path)
    np.save(tmp_path / "f.npy", NOISE[:, None])
    data = load_dataset(path, features_path=tmp_path / "f.npy")
    assert torch.equal(data.x, torch.from_numpy(NOISE[:, None].astype(np.float32)))
    assert data.features_given
    np.save(tmp_path / "f.npy", NOISE)
    with pytest.raises(DataError, match=r"f\.npy: features 'array' are float64 \[60\]; wanted numbers \[N, d\]"):
        load_dataset(path, features_path=tmp_path / "f.npy")


def test_categories_are_features(tmp_path: Path) -> None:
    sites = ["north", "south", ""]
    path = csv(tmp_path, weight=NOISE, site=[sites[(i // 5) % 3] for i in range(N)], label=LABEL)
    source = read_source(path)
    assert source.feature_names == ("weight", "site=(missing)", "site=north", "site=south")
    assert source.x[:, 1:].sum(dim=1).tolist() == [1.0] * N
    assert source.x[0].tolist()[1:] == [0, 1, 0]
    assert read_source(path, columns=["site"]).x.shape == (N, 3)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("unit_id", [f"U{i}" for i in range(N)], "names of rows"),
        ("row", range(N), "names of rows"),
        ("番号", range(N), "names of rows"),
        ("when", [f"{1 + i % 28:02d}/07/2008 11:55:00" for i in range(N)], "dates"),
        ("日", [f"2024年{1 + i % 12}月3日" for i in range(N)], "dates"),
        ("when", [f"2024-01-{1 + i % 28:02d}" for i in range(N)], "dates"),
        ("created_at", [1_700_000_000 + i for i in range(N)], "dates"),
        ("grade", ["abc"[i] for i in LABEL], "the label in other words"),
        ("code", LABEL * 10 + np.abs(NOISE), "alone predicts the label, 100 % right"),
        ("fine", [f"{i}{'xyzuvw'[j % 6]}" for j, i in enumerate(np.sort(LABEL))], None),
    ],
)
def test_what_names_rows_or_tells_the_label_is_left_out(
    tmp_path: Path, name: str, values: Any, why: str | None
) -> None:
    label = np.sort(LABEL) if why is None else LABEL
    why = why or "alone predicts the label, 100 % right"
    rng = np.random.default_rng(3)
    path = csv(tmp_path, a=NOISE, b=rng.normal(size=N), c=rng.normal(size=N), **{name: values}, label=label)
    source = read_source(path)
    assert source.feature_names == ("a", "b", "c")
    assert source.notes == (f"Columns left out of the features: '{name}' ({why}). Naming columns takes others.",)


def test_columns_that_are_named_are_kept(tmp_path: Path) -> None:
    days = [f"2024-01-{1 + i % 28:02d}" for i in range(N)]
    path = csv(tmp_path, a=NOISE, id=range(N), code=LABEL * 10.5, day=days, label=LABEL)
    x = read_source(path, columns=["id", "code", "day"]).x
    assert x[:, 0].tolist() == list(range(N))
    assert x[5].tolist() == [5, 21, 19728]


def test_an_easy_problem_keeps_its_columns(tmp_path: Path) -> None:
    source = read_source(csv(tmp_path, a=LABEL + NOISE / 100, b=LABEL - NOISE / 100, c=NOISE, label=LABEL))
    assert source.feature_names == ("a", "b", "c")


def test_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    columns = {"a": rng.normal(size=N), "b": rng.normal(size=N), "doubled": np.exp(NOISE)}
    source = read_source(csv(tmp_path, **columns, y=NOISE))
    assert source.labels is None
    assert source.targets is not None
    np.testing.assert_allclose(source.targets, NOISE, rtol=1e-6)
    assert source.feature_names == ("a", "b")
    assert "'doubled' (orders the rows as the target does, rank correlation 1.0000)" in source.notes[0]
    whole = read_source(csv(tmp_path, a=NOISE, price=range(N)), target="price")
    assert whole.targets is not None
    assert whole.targets.tolist() == list(range(N))
    with pytest.raises(DataError, match="'y' holds numbers to predict; wanted classes"):
        load_dataset(csv(tmp_path, a=NOISE, y=NOISE))
    with pytest.raises(DataError, match=r"'site' is <U1 \[60\]; wanted a target a row, numbers"):
        read_source(csv(tmp_path, a=NOISE, site=["n", "s"] * 30), target="site")
    with pytest.raises(DataError, match="'y' is missing or infinite in 1 row"):
        read_source(csv(tmp_path, a=NOISE, y=["", *NOISE[1:]]))
    with pytest.raises(DataError, match="label 'a' and target 'y' were both named"):
        read_source(csv(tmp_path, a=NOISE, y=NOISE), label="a", target="y")


@pytest.mark.parametrize(
    "labels", [["b", "a"], ["5", "3"], [7, -2], [True, False], [2.0, 1.0], ["はい", "いいえ"]], ids=str
)
def test_labels_of_every_kind(labels: list[Any]) -> None:
    source = read_source({"a": NOISE.tolist(), "label": labels * 30})
    assert source.labels is not None
    assert sorted(source.class_names) == sorted(str(int(each)) if type(each) is float else str(each) for each in labels)
    assert source.class_names[source.labels[0]] == (str(int(labels[0])) if labels[0] == 2.0 else str(labels[0]))


def test_several_labels_a_row_are_refused(tmp_path: Path) -> None:
    for labels in ([["a", "b"], ["a"]] * 30, [[1, 2]] * 60):
        pq.write_table(pa.table({"text": SENTENCES, "label": labels}), tmp_path / "t.parquet")
        with pytest.raises(DataError, match=r"t\.parquet: 'label' .*wanted a label a row"):
            read_source(tmp_path / "t.parquet")


def test_a_column_of_splits(tmp_path: Path) -> None:
    path = csv(tmp_path, text=SENTENCES, label=LABEL, split=["train", "validation", "test"] * 20)
    source = read_source(path)
    assert len(source) == 40
    assert source.is_test is not None
    assert source.is_test.tolist() == [False, True] * 20
    assert source.ids[1] == "row 2"
    assert source[1] == SENTENCES[2]
    assert source.notes == ("Rows for validation were left out, as there are others to test on: 20 of 60.",)


@pytest.mark.parametrize("name", ["image", "file_name", "パス", "where"])
def test_paths_of_images(tmp_path: Path, name: str) -> None:
    (tmp_path / "pictures").mkdir()
    for i in range(6):
        (tmp_path / "pictures" / f"{i}.png").write_bytes(png(i))
    (tmp_path / "pictures" / "3.png").write_bytes(b"broken")
    names = [f"pictures/{i}.png" for i in range(7)]
    names[1] = "pictures\\1.png"
    names[2] = str(tmp_path / "pictures" / "2.png")
    source = read_source(csv(tmp_path, **{name: names, "label": [0, 1, 0, 1, 0, 1, 0], "weight": range(7)}))
    assert source.kind == "images"
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 0, 0, 1]
    assert [source[place].getpixel((0, 0))[0] for place in range(5)] == [0, 1, 2, 4, 5]
    assert source.ids[3] == str(tmp_path / "pictures" / "4.png")
    assert source.notes == (
        f"Images left out, 2 of 7: {tmp_path}/pictures/3.png (not an image), {tmp_path}/pictures/6.png (no such file).",
        "Columns that were not used: 'weight'.",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../secret.png", "leads out of the folder of the table; wanted a file in it, or its whole path"),
        ("a/../../secret.png", "leads out of the folder"),
        ("https://example.org/1.png", "is an address; wanted the name of a file, nothing is downloaded"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "data" / "1.png").write_bytes(png())
    path = csv(tmp_path / "data", image=["1.png", name], label=["a", "b"])
    with pytest.raises(DataError) as caught:
        read_source(path)
    assert str(caught.value).startswith(f"{path}: column 'image', row 1: '{name}' {words}")


def test_images_of_a_table_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for i in range(2):
        (tmp_path / "pictures" / f"{i}.png").write_bytes(png(i))
    table = {"image": ["0.png", "1.png"], "label": ["a", "b"]}
    assert len(read_source(csv(tmp_path, **table), folder=tmp_path / "pictures")) == 2
    assert len(read_source(table, folder=tmp_path / "pictures")) == 2
    with pytest.raises(DataError, match=r"no image can be used\. Images left out, 2 of 2: .*0\.png \(no such file\)"):
        read_source(csv(tmp_path, **table))
    (tmp_path / "pictures" / "metadata.csv").write_text("file_name,label\n0.png,a\n1.png,b\n")
    assert read_source(tmp_path / "pictures").class_names == ("a", "b")


@pytest.mark.parametrize("as_struct", [True, False])
def test_images_in_parquet(tmp_path: Path, as_struct: bool) -> None:
    files = [png(i, (4 + i, 3)) for i in range(6)]
    files[4] = b"broken"
    column: Any = [{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(files)] if as_struct else files
    features = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    table = pa.table({"image": column, "label": [0, 1, 0, 1, 0, -1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "t.parquet")
    source = read_source(tmp_path / "t.parquet")
    assert source.class_names == ("cat", "dog")
    assert [source[place].size for place in range(len(source))] == [(4, 3), (5, 3), (6, 3), (7, 3)]
    assert source.ids[3] == "row 3"
    assert source.notes == (
        "Rows without a label (-1) were left out: 1 of 6.",
        f"Images left out, 1 of 6: {tmp_path / 't.parquet'}: column 'image', row 4 (not an image).",
    )
    assert load_dataset(tmp_path / "t.parquet").x.shape == (4, 3 * 64 * 64)


def test_metadata_that_is_no_json_is_no_matter(tmp_path: Path) -> None:
    table = pa.table({"a": NOISE, "label": LABEL}).replace_schema_metadata({"huggingface": "{", "pandas": "[1]"})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_source(tmp_path / "t.parquet").class_names == ("0", "1", "2")


def test_two_roles_are_one_too_many(tmp_path: Path) -> None:
    path = csv(tmp_path, text=SENTENCES, weight=NOISE, label=LABEL)
    with pytest.raises(DataError, match="image, text, features and columns: two of them were named; wanted one"):
        read_source(path, text="text", columns=["weight"])
    with pytest.raises(DataError, match=r"no array or column named 'txt'; it has text, weight, label"):
        read_source(path, text="txt")
    with pytest.raises(DataError, match="'label' holds labels or test marks; wanted other features"):
        read_source(path, text="label")
    with pytest.raises(DataError, match=r"'weight' holds double; wanted names of image files, or images"):
        read_source(path, image="weight")
    with pytest.raises(DataError, match=r"'weight' holds double; wanted texts"):
        read_source(path, text="weight")
