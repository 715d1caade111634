"""The CPU kernels' own source under AddressSanitizer and UndefinedBehaviorSanitizer, without Python or torch."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import setuptools

from saln_kernels import build_info

ROOT = Path(__file__).parents[2]
SANITIZED = [
    *("-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=fast", "-fno-math-errno"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
    *("-Wno-psabi", "-Wno-ignored-attributes", "-Wno-attributes"),
]


def variant_flags(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Instruction sets and their flags, as setup.py builds them."""
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    scope: dict[str, object] = {"__file__": str(ROOT / "setup.py"), "__name__": "setup"}
    exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), scope)
    variants = scope["VARIANTS"]
    assert isinstance(variants, dict)
    return variants


def test_kernels_stay_inside_their_arrays_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = os.environ.get("CXX", shutil.which("g++") or "c++")
    common = [
        compiler,
        *SANITIZED,
        f"-I{ROOT / 'csrc'}",
    ]
    flags = variant_flags(monkeypatch)
    pair = (build_info().cpu_isa_in_use, "portable")
    jobs = [
        [
            *common,
            f"-DSALN_VARIANT={name}",
            *flags[name].split(),
            "-c",
            ROOT / "csrc/cpu/kernels.cpp",
            "-o",
            f"{name}.o",
        ]
        for name in dict.fromkeys(pair)
    ]
    for source in ("csrc/core/plan.cpp", "tests/native/sanitize.cpp"):
        names = [f"-DFIRST={pair[0]}", f"-DSECOND={pair[1]}"]
        jobs.append([*common, *names, "-c", ROOT / source, "-o", f"{Path(source).stem}.o"])
    running = []
    for job in jobs:
        running.append(subprocess.Popen(job, cwd=tmp_path))
        if len(running) >= (os.cpu_count() or 1):
            assert running.pop(0).wait() == 0
    assert all(process.wait() == 0 for process in running)
    objects = [str(job[-1]) for job in jobs]
    subprocess.run([*common, *objects, "-o", "sanitize"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "sanitize"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout
