"""Every example runs, is short, and ends as it says."""

import re

import pytest

from integration_cases.of_examples import EXAMPLES, run

# What the runs of an example print last.
RUNS = {
    "stateful_loader": ["trained on 40 of 57 batches", "trained on 17 of 57 batches"],
    "ddp": ["2 ranks, 29 of 57 batches per epoch each"],
    "with_accelerate": ["trained on 20 of 29 batches, 2 processes", "trained on 9 of 29 batches, 2 processes"],
    "with_lightning": ["trained on 114 batches, 34 of them after the resume"],
}


def test_every_example_is_tested_and_short():
    files = list(EXAMPLES.glob("*.py"))
    assert {file.stem for file in files} == set(RUNS)
    assert all(len(file.read_text().splitlines()) <= 40 for file in files)


@pytest.mark.parametrize("name", RUNS)
def test_its_own_command_runs(name, tmp_path):
    for last_line in RUNS[name]:
        assert re.fullmatch(last_line, run(tmp_path, name))
