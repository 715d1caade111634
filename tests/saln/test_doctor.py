"""saln doctor: what works here, and a report of it that may be published."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import saln_kernels
from saln.cli import app
from saln.doctor.private import without_names
from saln_kernels.backends import native

RUNNER = CliRunner()


def test_doctor() -> None:
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "saln_kernels" in done.stdout
    assert "reference" in done.stdout
    document = json.loads(RUNNER.invoke(app, ["doctor", "--json"]).stdout)
    assert document["ok"] is True
    assert {check["name"] for check in document["checks"]} >= {"gram", "topk_eigvals", "fiedler", "score_batches"}
    assert document["build"]["torch"] == torch.__version__
    assert document["machine"]["packages"]["torch"] == importlib.metadata.version("torch")
    assert document["machine"]["packages"]["saln-kernels"] == saln_kernels.__version__
    assert document["machine"]["threads"] == torch.get_num_threads()
    assert document["machine"]["cores"] >= 1
    assert document["machine"]["memory_gib"] > 0.1
    assert done.stdout.count("This machine") == 1


def test_doctor_fails_where_answers_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = saln_kernels.gram

    def wrong(*arguments: object, backend: str | None = None) -> torch.Tensor:
        found = right(*arguments, backend="reference")  # type: ignore[arg-type]
        return found if backend == "reference" else found * 1.01

    monkeypatch.setattr(saln_kernels, "gram", wrong)
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "FAILED  gram" in done.stdout


def test_doctor_fails_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> torch.Tensor:
        raise RuntimeError("the native library is not built: build it so")

    monkeypatch.setattr(saln_kernels, "score_batches", missing)
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "build it so" in done.stdout


def test_variables_of_ours_are_named_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALN_CPU_ISA", "portable")
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setenv("RAY_ADDRESS", "ray://somebody.example:10001")
    monkeypatch.setenv("MY_TOKEN", "secret")
    document = json.loads(RUNNER.invoke(app, ["doctor", "--json"]).stdout)
    found = document["machine"]["environment"]
    assert found["SALN_CPU_ISA"] == "portable"
    assert found["TRITON_INTERPRET"] == "0"
    assert "somebody" not in json.dumps(document)
    assert "secret" not in json.dumps(document)


def test_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("LOGNAME", "alice")
    monkeypatch.setenv("SALN_PREBUILT", "/home/alice/libraries")
    monkeypatch.setenv("SALN_GPU_DRIVER", "/data/alice/driver")
    document = json.loads(RUNNER.invoke(app, ["doctor", "--json"]).stdout)
    assert document["machine"]["environment"]["SALN_PREBUILT"] == "~/libraries"
    assert document["machine"]["environment"]["SALN_GPU_DRIVER"] == "/data/<user>/driver"
    assert "alice" not in json.dumps(document)


def test_paths_of_the_installation_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "lib")
    folder = Path(saln_kernels.__file__).parent
    told = [f"{folder}/_ops.so: file too short", f"{sys.prefix}/lib64/libc.so.6", "/srv/lib/x", f"{folder}2/x", 3, None]
    shown = without_names({"missing": tuple(told)})["missing"]
    assert shown[0] == "<saln_kernels>/_ops.so: file too short"
    assert shown[1:3] == ["<python>/lib64/libc.so.6", "/srv/<user>/x"]
    assert shown[3].endswith("/saln_kernels2/x")
    assert shown[4:] == [3, None]


def test_a_user_without_a_name_has_none_to_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert without_names("/data/somebody/x") == "/data/somebody/x"


def test_why_a_library_does_not_load_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch says no more than which file it was; the loader says what is wrong with it."""
    broken = tmp_path / "_ops.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr(native, "LIBRARY", broken)
    said = native.load()
    assert said is not None
    assert "file too short" in said or "invalid ELF header" in said


def test_doctor_fails_without_the_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise RuntimeError("saln_kernels._C, the native planner, does not import (file too short): build it")

    monkeypatch.setattr(native, "bindings", missing)
    done = RUNNER.invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "FAILED  plan on cpu: saln_kernels._C" in done.stdout
