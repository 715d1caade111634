"""Loads, stores and asynchronous copies, which are done at once."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Step, column, operation, writer
from bench.gpu.sass.warp import NOWHERE, ZERO, ZERO_PAIR, Fault, Warp

SIZES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}
_ADDRESS = re.compile(r"^(?:desc\[UR\d+\])?\[(.*)\]$")
_TERM = re.compile(r"^(U?R(?:\d+|Z))(?:\.(64|U32|X\d+))*$")


@dataclass(frozen=True)
class Address:
    """Registers and a constant whose sum it is."""

    registers: tuple[int, ...]
    offset: int
    wide: bool

    def __call__(self, w: Warp) -> Any:
        """64 bits where a register pair is in it, else 32."""
        if self.wide:
            total = w.q[self.registers[0]].view(np.int64) + self.offset
            for at in self.registers[1:]:
                total = total + (w.q[at].view(np.int64) if at >= 256 else w.i[at])
            return total
        total = w.i[self.registers[0]] + np.int32(self.offset) if self.registers else np.full(32, self.offset, np.int32)
        for at in self.registers[1:]:
            total = total + w.i[at]
        return total.astype(np.int64) & 0xFFFFFFFF


def address(text: str) -> Address:
    """What stands in brackets."""
    found = _ADDRESS.match(text)
    if not found:
        raise Fault(f"no address: {text}")
    registers, offset, wide = [], 0, False
    for term in filter(None, found[1].replace("+-", "+#").split("+")):
        register = _TERM.match(term)
        if not register:
            offset += int(term.replace("#", "-"), 0)
            continue
        if ".X" in term:
            raise Fault(f"no address: {text}")
        at = column(register[1])
        wide = wide or term.endswith(".64")
        registers.append(ZERO_PAIR if at == ZERO and wide else at)
    return Address(tuple(registers), offset, wide)


def size_of(i: Instruction) -> int:
    """Bytes a lane."""
    return next((SIZES[m] for m in i.modifiers if m in SIZES), 4)


Reach = Callable[[Warp, int], list[tuple[Any, NDArray[np.int64], NDArray[np.bool_]]]]


def shared(at: Address, size: int) -> Reach:
    """Shared memory: the array, where in it, and in which lanes."""

    def reach(w: Warp, unit: int) -> list[tuple[Any, NDArray[np.int64], NDArray[np.bool_]]]:
        return [(w.memory.shared[unit], _aligned(w, at(w), size) // unit, w.mask)]

    return reach


def anywhere(at: Address, size: int) -> Reach:
    """Memory of generic addresses: an array after the other."""

    def reach(w: Warp, unit: int) -> list[tuple[Any, NDArray[np.int64], NDArray[np.bool_]]]:
        where = _aligned(w, at(w), size)
        uppers = where >> 32
        return [
            (w.memory.at(int(upper))[unit], (where & 0xFFFFFFFF) // unit, w.mask & (uppers == upper))
            for upper in np.unique(uppers[w.mask])
        ]

    return reach


def _aligned(w: Warp, where: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    if size > 1 and (where[w.mask] % size).any():
        raise Fault(f"an address that is no multiple of {size}")
    return where


def reach_of(i: Instruction, text: str, size: int) -> Reach:
    """How an instruction reaches memory."""
    at = address(text)
    return shared(at, size) if i.opcode in ("LDS", "STS", "LDSM") else anywhere(at, size)


@operation("LDS", "LD", "LDG")
def load(d: Decoder, i: Instruction) -> Step:
    size = size_of(i)
    reach = reach_of(i, i.operands[1], size)
    at, unit = column(i.operands[0]), min(size, 4)
    at = NOWHERE if at == ZERO else at
    signed = {1: np.int8, 2: np.int16}.get(unit) if "S8" in i.modifiers or "S16" in i.modifiers else None

    def step(w: Warp) -> None:
        for array, where, mask in reach(w, unit):
            try:
                for n in range(max(1, size // 4)):
                    value = array[where[mask] + n]
                    if signed:
                        value = value.view(signed).astype(np.int32).view(np.uint32)
                    w.u[at + n][mask] = value
            except IndexError:
                raise Fault("outside an array") from None

    return step


@operation("STS", "ST", "STG")
def store(d: Decoder, i: Instruction) -> Step:
    size = size_of(i)
    reach = reach_of(i, i.operands[0], size)
    source, unit = column(i.operands[1]), min(size, 4)

    def step(w: Warp) -> None:
        for array, where, mask in reach(w, unit):
            try:
                for n in range(max(1, size // 4)):
                    value = w.u[source if source == ZERO else source + n]
                    array[where[mask] + n] = value[mask].astype(array.dtype)
            except IndexError:
                raise Fault("outside an array") from None

    return step


@operation("LDC", "ULDC")
def load_constant(d: Decoder, i: Instruction) -> Step:
    view = "q" if "64" in i.modifiers else "u"
    put = writer(i.operands[0], view)
    read = d.longs(i.operands[1]) if view == "q" else d.words(i.operands[1])
    byte = re.search(r"\[0x([0-9a-f]+)\]$", i.operands[1])
    if "U8" in i.modifiers and byte:
        shift = np.uint32(int(byte[1], 16) % 4 * 8)
        return lambda w: put(w, read(w) >> shift & np.uint32(0xFF))
    if any(m in SIZES and m != "64" for m in i.modifiers):
        raise Fault("not interpreted")
    return lambda w: put(w, read(w))


@operation("LDGSTS")
def copy(d: Decoder, i: Instruction) -> Step:
    """Copies 4 to 16 bytes. With ZFILL an address off a multiple by m has m bytes less copied, zeros behind."""
    size, fills = size_of(i), "ZFILL" in i.modifiers
    to, source = address(i.operands[0]), address(i.operands[1])
    reads = d.truth(i.operands[2] if len(i.operands) > 2 else "PT")

    def step(w: Warp) -> None:
        there, here, good = _aligned(w, to(w), size), source(w), reads(w)
        for lane in np.flatnonzero(w.mask):
            off = int(here[lane]) % size
            if not fills and (off or not good[lane]):
                raise Fault("a copy of less, that fills nothing")
            data = np.zeros(size, dtype=np.uint8)
            if good[lane]:
                array, start = w.memory.at(int(here[lane]) >> 32)[1], (int(here[lane]) & 0xFFFFFFFF) - off
                if start + size - off > len(array):
                    raise Fault("outside an array")
                data[: size - off] = array[start : start + size - off]
            start = int(there[lane])
            if start + size > len(w.memory.shared[1]):
                raise Fault("outside an array")
            w.memory.shared[1][start : start + size] = data

    return step


@operation("LDSM")
def load_blocks(d: Decoder, i: Instruction) -> Step:
    """Blocks of 8×8 halves, of which the lanes name the rows."""
    count = next((int(m) for m in i.modifiers if m in ("2", "4")), 1)
    transposed = any(m.startswith("MT") for m in i.modifiers)
    at, base = address(i.operands[1]), column(i.operands[0])
    lane = np.arange(32)

    def step(w: Warp) -> None:
        rows = _aligned(w, at(w), 16)
        for block in range(count):
            if transposed:
                halves, of = w.memory.shared[2], rows // 2
                pair = [halves[of[8 * block + 2 * (lane % 4) + n] + lane // 4].astype(np.uint32) for n in range(2)]
                w.u[base + block][:] = pair[0] | pair[1] << np.uint32(16)
            else:
                w.u[base + block][:] = w.memory.shared[4][rows[8 * block + lane // 4] // 4 + lane % 4]

    return step
