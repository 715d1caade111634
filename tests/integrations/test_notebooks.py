"""Every notebook runs from top to bottom in under a minute, and is stored without outputs."""

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from integration_cases.of_examples import EXAMPLES

NOTEBOOKS = EXAMPLES / "notebooks"
MINUTE = 60
# What each prints in the end of its work.
SAYS = {
    "look": r"accuracy 0\.\d{3} with every row, 0\.9\d{2} with those that the look keeps",
    "batches": r"accuracy 0\.\d{3} by random batches, 0\.\d{3} by chosen ones",
    "pilot": r"\nauto: (gain|gain at equal steps only|no gain|loss)\n",
}


def test_every_notebook_is_tested() -> None:
    assert {file.stem for file in NOTEBOOKS.glob("*.ipynb")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_it_is_stored_without_outputs(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("name", SAYS)
def test_it_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    began = time.monotonic()
    NotebookClient(notebook, timeout=MINUTE, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert time.monotonic() - began < MINUTE
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert re.search(SAYS[name], printed), printed
    told = "".join(output.get("text", "") + str(output.get("data", {}).get("text/plain")) for output in outputs)
    assert "\x1b" not in told  # no bars that a notebook cannot move, no colours in what is text
    assert "Warning" not in told
