"""Programs made of C++ sources for tests, in build/programs: only what changed is compiled, whoever asks first."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "programs"
COMMON = f"-std=c++20 -g1 -fno-omit-frame-pointer -I{ROOT / 'csrc'}"
ADDRESS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
THREAD = "-fsanitize=thread"
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:atexit_sleep_ms=0",
}


@dataclass(frozen=True)
class Source:
    """A file to compile, and the flags it is compiled with beside those of all."""

    path: Path
    flags: str = ""


def program(name: str, sources: list[Source], link: str = "", compiler: str = "") -> Path:
    """The executable made of `sources`, linked with the flags `link`, by CXX or g++ if no compiler is named."""
    import ninja  # not wanted where programs came ready made

    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"cxx = {compiler or os.environ.get('CXX', 'g++')}",
        "rule compile",
        f"  command = $cxx {COMMON} $flags -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "rule link",
        f"  command = $cxx {link} $in -o $out",
    ]
    for number, source in enumerate(sources):
        lines += [f"build {number}.o: compile {source.path}", f"  flags = {source.flags}"]
    lines.append(f"build program: link {' '.join(f'{number}.o' for number in range(len(sources)))}")
    with FileLock(folder / "lock"):  # tests run in several processes
        (folder / "build.ninja").write_text("\n".join(lines) + "\n")
        command = [str(Path(ninja.BIN_DIR) / "ninja"), "-C", str(folder), "-j", str(os.cpu_count() or 1)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return folder / "program"


def run(executable: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it with sanitizers that end it at the first fault."""
    command = [str(executable), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env=os.environ | SETTINGS)
    if b"unexpected memory mapping" in done.stderr:  # ThreadSanitizer, where addresses are randomised too widely
        done = subprocess.run(["setarch", "-R", *command], input=given, capture_output=True, env=os.environ | SETTINGS)
    return done


def with_lines(report: str) -> str:
    """A sanitizer's report with source lines: in large programs GCC's sanitizers find none."""
    addresses = dict.fromkeys(re.findall(r"\((/[^()]+)\+(0x[0-9a-f]+)\)", report))
    if shutil.which("addr2line") is None:
        return report
    for executable, address in addresses:
        said = subprocess.run(["addr2line", "-e", executable, "-i", address], capture_output=True, text=True).stdout
        report = report.replace(f"({executable}+{address})", f"({', inlined in '.join(said.split())})")
    return report
