"""Every example runs, is short, and ends as it says."""

import re

import pytest

from integration_cases.of_examples import EXAMPLES, run

GAINED = r"accuracy 0\.\d{3} without selection, [01]\.\d{3} with it"
# What the runs of an example print last; options of short ones.
RUNS = {
    "images": [GAINED],
    "texts": [GAINED],
    "table": [GAINED],
    "stateful_loader": ["trained on 40 of 57 batches", "trained on 17 of 57 batches"],
    "ddp": ["2 ranks, 29 of 57 batches per epoch each"],
    "with_accelerate": ["trained on 20 of 29 batches, 2 processes", "trained on 9 of 29 batches, 2 processes"],
    "with_lightning": ["trained on 114 batches, 34 of them after the resume"],
}
SMALL = {"images": ["--epochs", "1"], "texts": ["--epochs", "0.5"], "table": ["--epochs", "2", "--seeds", "2"]}


def test_every_example_is_tested_and_short():
    files = list(EXAMPLES.glob("*.py"))
    assert {file.stem for file in files} == set(RUNS)
    for file in files:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
        assert len(lines) <= 60, file


@pytest.mark.parametrize("name", RUNS)
def test_its_own_command_runs(name, tmp_path):
    for last_line in RUNS[name]:
        assert re.fullmatch(last_line, run(tmp_path, name, *SMALL.get(name, ())))
