"""What is linked against the stand-ins runs here, and asks for nothing that older systems lack."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest

from tools import older_linux

# What libraries of ours do that is newer than the stand-ins: mathematics, streams, pointers to exceptions, threads.
SOURCE = r"""
#include <cmath>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int alive = 0;

struct Counted : std::runtime_error {
  Counted() : std::runtime_error("counted") { ++alive; }
  Counted(const Counted& other) : std::runtime_error(other) { ++alive; }
  ~Counted() override { --alive; }
};

extern "C" const char* run(double x, std::size_t many) {
  static std::string said;
  std::exception_ptr pointer;
  try {
    throw Counted();
  } catch (...) {
    pointer = std::current_exception();
  }
  {
    std::vector<std::exception_ptr> copies(100, pointer);
    copies[3] = copies[5];
  }
  if (alive != 1) return "an exception ended early";
  try {
    std::rethrow_exception(pointer);
  } catch (const std::exception& error) {
    said = error.what();
  }
  pointer = nullptr;
  if (alive != 0) return "an exception never ended";
  try {
    delete[] new double[many];
    return "too much memory was had";
  } catch (const std::bad_alloc&) {
  }
  auto shared = std::make_shared<std::once_flag>();
  std::thread thread([shared, x] {
    std::call_once(*shared, [x] {
      std::ostringstream words;
      std::stringstream more;
      words << ' ' << std::exp(x) << ' ' << std::log2(std::exp2(3.0)) << ' ' << std::pow(x, 2.0);
      more << words.str();
      said += std::move(more).str();
    });
  });
  thread.join();
  return said.c_str();
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older_linux")
    older_linux.main(folder / "older")
    (folder / "source.cpp").write_text(SOURCE)
    options = ["-std=c++20", "-O2", "-fPIC", "-shared", f"-L{folder / 'older'}", "-Wl,--exclude-libs,ALL,-z,defs"]
    older_linux.compiler(*options, folder / "source.cpp", "-o", folder / "library.so", "-lpthread")
    return folder / "library.so"


def test_it_runs_with_the_libraries_that_are_here(library: Path) -> None:
    run = ctypes.CDLL(str(library)).run
    run.restype, run.argtypes = ctypes.c_char_p, [ctypes.c_double, ctypes.c_size_t]
    assert run(1.5, (1 << 64) - 1) == b"counted 4.48169 3 2.25"


def test_every_version_is_old_enough(library: Path) -> None:
    said = subprocess.run(["readelf", "--version-info", library], capture_output=True, text=True, check=True).stdout
    asked = re.findall(r"Name: (\w+?)_([\d.]+) ", said)
    assert {"GLIBC", "GLIBCXX", "CXXABI"} <= {name for name, _ in asked}
    for name, version in asked:
        if name in older_linux.NEWEST:
            assert tuple(map(int, version.split("."))) <= older_linux.NEWEST[name], f"{name}_{version}"


def test_nothing_is_left_to_chance(library: Path) -> None:
    """What has no version, any library may give."""
    said = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in said.splitlines()}
    assert {name for name in names if "@" not in name} <= {
        "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable", "__gmon_start__",
    }  # fmt: skip


def test_what_is_newer_altogether_does_not_link(library: Path) -> None:
    """`arc4random` came with glibc 2.36."""
    source = library.with_name("newer.c")
    source.write_text("#include <stdlib.h>\nunsigned f(void) { return arc4random(); }\n")
    command = ["gcc", "-shared", "-fPIC", "-Wno-all", f"-L{library.parent / 'older'}", "-Wl,-z,defs"]
    done = subprocess.run([*command, source, "-o", library.with_name("newer.so")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "arc4random" in done.stderr
