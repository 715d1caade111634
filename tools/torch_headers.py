"""Every source that sees PyTorch's headers, compiled against those of the oldest releases that are supported.

    python -m tools.torch_headers [VERSION]...

The headers come out of the wheels, nothing else of them does, and they stay in build/torch_headers.
"""

import subprocess
import sys
from pathlib import Path

import ninja

import setup
from tools.remote_wheel import open_wheel, wheel_url

VERSIONS = ("2.10.0", "2.11.0")
BUILD = setup.ROOT / "build" / "torch_headers"
STABLE = ("torch/csrc/stable/", "torch/csrc/inductor/aoti_torch/", "torch/headeronly/")  # all that the sources include


def headers(version: str) -> Path:
    """The folder of a release's headers, fetched unless they are here."""
    folder = BUILD / version / "include"
    complete = folder.with_name("complete")
    if not complete.exists():
        wheel = open_wheel(wheel_url(f"torch=={version}"))
        for name in wheel.namelist():
            inside = name.partition("torch/include/")[2]
            if inside.startswith(STABLE) and not name.endswith("/"):
                (folder / inside).parent.mkdir(parents=True, exist_ok=True)
                (folder / inside).write_bytes(wheel.read(name))
        complete.touch()
    return folder


def compile_against(version: str) -> None:
    """Compile, by setup.py's own rules; ninja leaves out what has not changed."""
    build = BUILD / version
    kernels = setup.Toolkit("nvcc", "none", list(setup.CUDA_ARCHS))  # the ops of CUDA too: no nvcc compiles them
    (build / "build.ninja").write_text(setup.ninja_file(build, build, kernels, headers(version)))
    objects = [str(build / source.replace("/", "_").replace(".cpp", ".o")) for source in setup.TORCH_SOURCES]
    subprocess.run([Path(ninja.BIN_DIR) / "ninja", "-C", build, "--quiet", *objects], check=True)
    for path in map(Path, objects):
        if b"SALN_OPS_NAMESPACE" in path.read_bytes():  # the name, in place of what it stands for
            raise SystemExit(f"{path.name}, against torch {version}, registers ops in no namespace of torch.ops")


def main(versions: list[str]) -> None:
    """Say what was compiled."""
    for version in versions or VERSIONS:
        compile_against(version)
        print(f"{len(setup.TORCH_SOURCES)} sources compile against the headers of torch {version}")


if __name__ == "__main__":
    main(sys.argv[1:])
