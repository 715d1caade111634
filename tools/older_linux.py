"""Stand-ins for the C and C++ libraries of this system, to link against for older ones.

    python -m tools.older_linux FOLDER
    LDFLAGS=-LFOLDER pip wheel --no-deps .

A library that is linked here asks for the newest versions of the functions that it calls, `exp` of glibc 2.29 say, and
does not load where they are not. A stand-in has the same functions without code, each in the newest version that
manylinux_2_28 allows, and not those that are newer altogether. Where the compiler's own headers call such a one, there
is a copy in an archive, which the linker takes it from; gcc-toolset, which builds in the image of manylinux, does the
same with its libstdc++_nonshared.a.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

NEWEST = {"GLIBC": (2, 28), "GLIBCXX": (3, 4, 25), "CXXABI": (1, 3, 11)}
"""The policy manylinux_2_28, as auditwheel has it."""

LIBRARIES = ("libc.so.6", "libm.so.6", "libstdc++.so.6")

# glibc 2.34 took these into libc.so.6, with a new version; older systems have them where they were
MOVED = {"dl": "libdl.so.2", "shm_": "librt.so.1", "pthread_": "libpthread.so.0", "sem_": "libpthread.so.0"}
LOADERS = ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")

COPIES = """
#include <new>
#include <sstream>

template class std::basic_stringbuf<char>;  // C++20 has new members, and a default constructor of its own
template class std::basic_stringstream<char>;
template class std::basic_ostringstream<char>;

void std::__throw_bad_array_new_length() { throw std::bad_array_new_length(); }

// of glibc 2.32: whether counters of references may do without atomics
extern "C" char __libc_single_threaded = 0;

// What a std::exception_ptr does to copy itself and to end is inline now; older libraries have both whole.
extern "C" {
void copy_pointer(void* self, const void* other) asm("_ZNSt15__exception_ptr13exception_ptrC1ERKS0_");
void end_pointer(void* self) asm("_ZNSt15__exception_ptr13exception_ptrD1Ev");
void count_up(const void* self) asm("_ZNSt15__exception_ptr13exception_ptr9_M_addrefEv");
void count_down(void* self) asm("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
void count_up(const void* self) {
  void* copy;
  copy_pointer(&copy, self);
}
void count_down(void* self) { end_pointer(self); }
}
"""


def compiler(*arguments: object) -> str:
    """What the C++ compiler of setup.py says."""
    command = [*os.environ.get("CXX", "g++").split(), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Symbol(NamedTuple):
    """What a library has for others: a function, or a variable, maybe one of every thread."""

    name: str
    of_thread: bool


def versions(library: str) -> dict[Symbol, dict[tuple[int, ...], str]]:
    """Every symbol that can be linked with, each with its versions and their names."""
    command = [compiler("-print-prog-name=readelf"), "--dyn-syms", "--wide", library]
    found: dict[Symbol, dict[tuple[int, ...], str]] = {}
    linked = set()
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        match = re.fullmatch(r"\s*\d+: \w+ +\w+ (\w+) +\w+ +DEFAULT +\w+ (\w+)(@@?)(([A-Z]+)_([\d.]+))", line.rstrip())
        if match is None or match[5] not in NEWEST:
            continue
        symbol = Symbol(match[2], match[1] == "TLS")
        found.setdefault(symbol, {})[tuple(map(int, match[6].split(".")))] = match[4]
        if match[3] == "@@":
            linked.add(symbol)
    return {symbol: known for symbol, known in found.items() if symbol in linked}


def allowed() -> dict[str, dict[str, list[Symbol]]]:
    """For every library of older systems, symbols by the newest version of each that those have."""
    found: dict[str, dict[str, list[Symbol]]] = {}
    for library in LIBRARIES:
        for symbol, known in versions(compiler(f"-print-file-name={library}")).items():
            old = [number for number, name in known.items() if number <= NEWEST[name.partition("_")[0]]]
            moved = [older for start, older in MOVED.items() if symbol.name.startswith(start) and len(old) < len(known)]
            if old:
                home = moved[0] if moved and library == "libc.so.6" else library
                found.setdefault(home, {}).setdefault(known[max(old)], []).append(symbol)
    return found


def stand_in(path: Path, by_version: dict[str, list[Symbol]]) -> None:
    """A library of labels, without code."""
    sections: dict[bool, list[str]] = {False: [".text\n"], True: ['.section .tbss,"awT",%nobits\n']}
    for name, of_thread in sorted(symbol for each in by_version.values() for symbol in each):
        kind = "tls_object" if of_thread else "function"
        sections[of_thread].append(f".globl {name}\n.type {name}, %{kind}\n{name}:\n.skip 8\n")
    path.with_suffix(".s").write_text("".join(sections[False] + sections[True]))
    nodes = (f"{version} {{ {'; '.join(symbol.name for symbol in each)}; }};\n" for version, each in by_version.items())
    path.with_suffix(".map").write_text("".join(nodes))
    script = f"-Wl,--version-script={path.with_suffix('.map')}"
    compiler("-shared", "-nostdlib", f"-Wl,-soname,{path.name}", script, path.with_suffix(".s"), "-o", path)


def main(folder: Path) -> None:
    """Write the folder: what -lc, -lm, -lstdc++ and so on find there."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, by_version in allowed().items():
        stand_in(folder / name, by_version)
        (folder / f"{name.partition('.so')[0]}.so").write_text(f"INPUT({folder / name})\n")
    copies = folder / "copies.cpp"
    copies.write_text(COPIES)
    compiler("-std=c++20", "-O2", "-fPIC", "-c", copies, "-o", folder / "copies.o")
    subprocess.run([compiler("-print-prog-name=ar"), "rcsD", folder / "libcopies.a", folder / "copies.o"], check=True)
    (folder / "libstdc++.so").write_text(f"INPUT({folder}/libstdc++.so.6 {folder}/libcopies.a)\n")
    found = [compiler(f"-print-file-name={name}") for name in ("libc_nonshared.a", *LOADERS)]
    kept, *loaders = filter(os.path.isabs, found)  # the name alone is said of what is not there
    others = " ".join(str(folder / name) for name in sorted(set(MOVED.values())))
    (folder / "libc.so").write_text(f"GROUP({folder}/libc.so.6 {kept} AS_NEEDED({others} {' '.join(loaders)}))\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
