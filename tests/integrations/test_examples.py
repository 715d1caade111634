"""Every example runs, is short, and ends as it says."""

import re

import pytest

from integration_cases.of_examples import EXAMPLES
from integration_cases.runs import launch

# What the runs of an example print, on so many processes.
RUNS = {
    "plain_loader": (1, [r"accuracy 0\.[89]\d after 95 batches.*"]),
    "stateful_loader": (1, ["trained on 7 of 19 batches", "trained on 12 of 19 batches"]),
    "ddp": (2, ["2 ranks, 9 of 19 batches each an epoch"]),
    "with_accelerate": (2, ["trained on 3 of 9 batches a process", "trained on 6 of 9 batches a process"]),
    "with_lightning": (1, ["trained on 38 batches, 13 of them after the resume"]),
    "with_transformers": (1, ["trained on 38 batches, 2 epochs"]),
}


def test_every_example_is_tested_and_short():
    files = list(EXAMPLES.glob("*.py"))
    assert {file.stem for file in files} == set(RUNS)
    assert all(len(file.read_text().splitlines()) <= 40 for file in files)


@pytest.mark.parametrize("name", RUNS)
def test_it_runs(name, tmp_path):
    n, wanted = RUNS[name]
    for last_line in wanted:
        first, *others = launch("of_examples.run", tmp_path, name, n=n)
        assert re.fullmatch(last_line, first)
        assert others == [""] * (n - 1)
