"""The wheel of saln-kernels-cu13: the CUDA library alone, for a saln_kernels that was built without it.

    python -m tools.cuda_wheel LIBRARY FOLDER

Its times are SOURCE_DATE_EPOCH, so that the same library makes the same bytes.
"""

import base64
import hashlib
import os
import platform
import sys
import time
import zipfile
from pathlib import Path

import setup
from saln_kernels.backends import cuda

METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: CUDA kernels of saln_kernels, by nvcc {nvcc}: {build}
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.10
Requires-Dist: saln-kernels=={version}
"""
OLDEST = 315532800  # that a zip knows: 1980
WHEEL = """\
Wheel-Version: 1.0
Generator: tools.cuda_wheel
Root-Is-Purelib: false
Tag: {tag}
"""


def checked(library: Path) -> cuda.Build:
    """What a library was built for; SystemExit where it is no library of this version for the package."""
    found = cuda.read(library)
    major = found.nvcc.partition(".")[0]
    if found.version != setup.VERSION:
        raise SystemExit(f"{library} is of saln_kernels {found.version}, wanted {setup.VERSION}: build it anew")
    if f"saln_kernels_cu{major}" != cuda.PACKAGE:
        raise SystemExit(f"{library} was built by nvcc {found.nvcc}, and the package is {cuda.PACKAGE}")
    return found


def write(library: Path, folder: Path) -> Path:
    """The wheel, tagged for this machine; auditwheel tags it for those that it serves."""
    build = checked(library)
    tag = f"py3-none-linux_{platform.machine()}"
    names = {"name": cuda.PACKAGE.replace("_", "-"), "version": build.version, "nvcc": build.nvcc, "build": str(build)}
    info = f"{cuda.PACKAGE}-{build.version}.dist-info"
    files = {
        f"{cuda.PACKAGE}/__init__.py": b'"""The CUDA library of saln_kernels, which looks for it here."""\n',
        f"{cuda.PACKAGE}/{cuda.LIBRARY.name}": library.read_bytes(),
        f"{info}/METADATA": METADATA.format(**names).encode(),
        f"{info}/WHEEL": WHEEL.format(tag=tag).encode(),
        f"{info}/licenses/LICENSE": (setup.ROOT / "LICENSE").read_bytes(),
    }
    hashes = {name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()) for name, data in files.items()}
    record = [f"{name},sha256={hashes[name].decode().rstrip('=')},{len(data)}\n" for name, data in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    made = time.gmtime(max(OLDEST, int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))[:6]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{cuda.PACKAGE}-{build.version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, made)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return path


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2])))
