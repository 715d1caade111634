"""Machine code of a file: kernels found in it, disassembled by nvdisasm, with source lines where it has them."""

import re
import shutil
import struct
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CUDA_MACHINE = 190  # e_machine of an ELF file for a GPU
STEP = 16  # bytes of an instruction

Place = tuple[str, int]  # a file and a line


@dataclass(frozen=True)
class Instruction:
    """One line of the disassembly; labels are replaced by the number of the instruction they name."""

    guard: str  # a predicate, or ""
    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[str, ...]
    function: str  # the mangled function it belongs to
    places: tuple[Place, ...]  # where it is from: the innermost inlined function first

    def __str__(self) -> str:
        guard = f"@{self.guard} " if self.guard else ""
        return f"{guard}{'.'.join((self.opcode, *self.modifiers))} {', '.join(self.operands)}"


@dataclass(frozen=True)
class Code:
    """A kernel with the functions it calls."""

    name: str  # mangled
    instructions: tuple[Instruction, ...]
    jumps: bytes  # constant bank 2: the tables of its switches


@cache
def read(files: tuple[Path, ...], arch: str, kernel: str) -> Code:
    """The kernel whose demangled name has `kernel` in it; LookupError where there is none for `arch`."""
    for image in (image for file in files for image in images(file.read_bytes())):
        if f"sm_{arch}".encode() not in image:
            continue
        for section, data in sections(image).items():
            name = section.removeprefix(".text.")
            if name != section and kernel in demangled(name).replace(" ", ""):
                tables = sections(image).get(f".nv.constant2.{name}", b"")
                return Code(name, tuple(parsed(disassembled(image), name, len(data) // STEP)), tables)
    names = ", ".join(map(str, files))
    raise LookupError(f"{names} has no machine code of {kernel} for sm_{arch}, or holds it compressed")


def images(data: bytes) -> Iterator[bytes]:
    """The GPU's ELF files in a cubin, an object file or a library."""
    at = data.find(b"\x7fELF")
    while at >= 0:
        (machine,) = struct.unpack_from("<H", data, at + 18)
        if machine == CUDA_MACHINE:
            yield data[at : at + _size(data[at:])]
        at = data.find(b"\x7fELF", at + 4)


def _tables(image: bytes) -> tuple[int, int, int, int, int, int]:
    program, section = struct.unpack_from("<QQ", image, 32)
    return (program, section, *struct.unpack_from("<HHHH", image, 54))


def _size(image: bytes) -> int:
    """Where the last of headers and sections ends."""
    program, section, program_size, programs, section_size, count = _tables(image)
    ends = [program + program_size * programs, section + section_size * count]
    for i in range(count):
        kind, _, _, offset, size = struct.unpack_from("<IQQQQ", image, section + i * section_size + 4)
        ends.append(offset + size * (kind != 8))
    return max(ends)


def sections(image: bytes) -> dict[str, bytes]:
    """The contents of an ELF file's sections by name."""
    _, section, _, _, size, count = _tables(image)
    headers = [struct.unpack_from("<IIQQQQ", image, section + i * size) for i in range(count)]
    (names_index,) = struct.unpack_from("<H", image, 62)
    start = headers[names_index][4]
    found = {}
    for name_at, _, _, _, offset, length in headers:
        name = image[start + name_at : image.index(b"\0", start + name_at)].decode()
        found[name] = image[offset : offset + length]
    return found


@cache
def demangled(name: str) -> str:
    """A symbol as written in C++."""
    return subprocess.run(["c++filt", name], capture_output=True, text=True, check=True).stdout.strip()


@cache
def nvdisasm() -> str:
    """The disassembler: of the CUDA toolkit, or the one that Triton brings."""
    triton = Path(sysconfig.get_path("purelib")) / "triton/backends/nvidia/bin/nvdisasm"
    found = shutil.which("nvdisasm") or shutil.which("/usr/local/cuda/bin/nvdisasm")
    if found is None and triton.exists():
        found = str(triton)
    if found is None:
        raise FileNotFoundError("nvdisasm is neither in PATH nor in an installed Triton")
    return found


_LINE = re.compile(r"^\s+/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?PT|!?U?P\d)\s+)?([^;]*?)(?:\s*\(\*.*)?\s*;?\s*$")
_PLACE = re.compile(r'File "([^"]*)", line (\d+)')
_LABEL = re.compile(r"^([^\s/][^\s]*):$")


def disassembled(image: bytes) -> str:
    """What nvdisasm says of an ELF file."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(image)
        file.flush()
        command = [nvdisasm(), "-c", "-gi", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def parsed(text: str, kernel: str, count: int) -> Iterator[Instruction]:
    """The first instructions of a kernel's section of the disassembly."""
    body = text[text.index(f".text.{kernel}:\n") :]
    labels: dict[str, int] = {}
    lines: list[tuple[str, str, str, tuple[Place, ...]]] = []
    places: list[Place] = []
    function, fresh = kernel, True
    for line in body.splitlines():
        place, label, found = _PLACE.search(line), _LABEL.match(line), _LINE.match(line)
        if place:
            places = [] if fresh else places
            places.append((place[1], int(place[2])))
            fresh = False
        elif label:
            labels[label[1]] = len(lines)
            function = label[1].split("$")[-1] if label[1].startswith("$") else function
        elif found:
            lines.append((found[2] or "", found[3].strip(), function, tuple(places)))
            fresh = True
            if len(lines) == count:
                break
    labels[kernel] = 0
    for guard, instruction, function, where in lines:
        head, _, rest = instruction.partition(" ")
        opcode, *modifiers = head.split(".")
        operands = [_resolved(part.strip(), labels) for part in rest.split(",")] if rest.strip() else []
        yield Instruction(guard, opcode, tuple(modifiers), tuple(operands), function, where)


def _resolved(operand: str, labels: dict[str, int]) -> str:
    return f"->{labels[operand[2:-1]]}" if operand.startswith("`(") else operand
