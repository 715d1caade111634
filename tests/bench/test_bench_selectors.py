"""The selectors' benchmark: plain forms choose what ours choose, and the table says what was measured."""

import json

import pytest

from bench import selectors
from bench.plain_selectors import PLAIN
from saln import SELECTORS


@pytest.mark.parametrize("name", PLAIN)
def test_plain_forms_choose_the_same_rows(name):
    rows = selectors.measure([name], rows=60, size=8, dim=24, rounds=1)
    assert [(row.plain, row.threads) for row in rows] == [(False, 1), (False, 2), (True, 1), (True, 2)]
    assert all(row.same_rows >= selectors.SAME_ROWS for row in rows if row.plain)
    assert all(len(row.seconds) == 1 for row in rows)


def test_a_plain_form_that_chooses_otherwise_is_not_timed(monkeypatch):
    monkeypatch.setitem(PLAIN, "saln", PLAIN["lowest_degree"])
    with pytest.raises(SystemExit, match=r"saln: the plain form has \d+ % of the rows in common; nothing is timed"):
        selectors.measure(["saln"], rows=60, size=8, dim=24, rounds=1)


def test_the_table_and_the_file(tmp_path, capsys):
    file = tmp_path / "selectors.json"
    options = ["--rows", "50", "--size", "8", "--dim", "24", "--rounds", "2", "--json", str(file)]
    selectors.main(["--methods", "uniform,k_center", *options])
    printed = capsys.readouterr().out
    assert [line.split(" |")[0] for line in printed.splitlines() if line.startswith("| ")][2:] == [
        "| uniform",
        "| k_center",
    ]
    found = json.loads(file.read_text())
    assert found["settings"] == {"rows": 50, "size": 8, "dim": 24, "rounds": 2}
    assert {each["method"] for each in found["measured"]} == {"uniform", "k_center"} <= set(SELECTORS)
    assert all(len(each["seconds"]) == 2 for each in found["measured"])


def test_targets_are_said_to_be_met_or_missed():
    def row(threads: int, seconds: float) -> selectors.Row:
        return selectors.Row("saln", False, threads, None, [seconds])

    assert "2 ms: met" in selectors.table([row(1, 0.004), row(2, 0.0019)], standard=True)
    assert "2 ms: missed" in selectors.table([row(1, 0.001), row(2, 0.0021)], standard=True)
    assert "ms:" not in selectors.table([row(1, 0.001), row(2, 0.0021)], standard=False)
