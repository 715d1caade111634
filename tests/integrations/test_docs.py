"""Every block of Python in docs/trainers.md runs by itself."""

from integration_cases.of_docs import blocks
from integration_cases.runs import launch


def test_the_blocks_run(tmp_path):
    (told,) = launch("of_docs.run", tmp_path)
    assert len(told) == len(blocks()) > 5
    assert {name: error for name, error in told.items() if error != "no error"} == {}
