"""The state of a warp, and the memory it sees. A register is a column of 32 lanes, a uniform register too."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 32
ALL = (1 << LANES) - 1
# Columns of the register file: R0 to R254, then
ZERO, NOWHERE, ZERO_PAIR, UNIFORM = 255, 256, 258, 260
COLUMNS = UNIFORM + 64
# Predicates: P0 to P6, then
TRUE, UNIFORM_PREDICATE, NO_PREDICATE = 7, 8, 15

# What a register is taken for: words, integers, floats, and of two registers longs and doubles.
VIEWS = {"u": np.uint32, "i": np.int32, "f": np.float32, "q": np.uint64, "d": np.float64}

Lanes = NDArray[np.bool_]


@cache
def lanes(bits: int) -> Lanes:
    """A mask of lanes as truths."""
    mask = np.array([bits >> lane & 1 for lane in range(LANES)], dtype=np.bool_)
    mask.setflags(write=False)
    return mask


def bits_of(mask: Lanes) -> int:
    """Truths as a mask of lanes."""
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


class Fault(Exception):
    """What the machine would trap on, or what is not interpreted."""


class Memory:
    """Arrays, each at the start of 4 GiB of its own: the upper half of an address says which."""

    SHARED = 0x7FFF0000  # upper half of generic addresses of shared memory
    FIRST = 0x7000

    def __init__(self, shared_bytes: int) -> None:
        self.shared = self._views(np.full(shared_bytes, 0xFF, dtype=np.uint8))
        self._arrays = {self.SHARED: self.shared}

    @staticmethod
    def _views(data: NDArray[np.uint8]) -> dict[int, NDArray[np.unsignedinteger]]:
        whole = np.full(-(-len(data) // 16) * 16, 0xFF, dtype=np.uint8)
        whole[: len(data)] = data
        return {t.itemsize: whole.view(t) for t in map(np.dtype, (np.uint8, np.uint16, np.uint32, np.uint64))}

    def add(self, data: NDArray[np.uint8]) -> int:
        """The address of a copy of `data` in global memory."""
        upper = self.FIRST + len(self._arrays)
        self._arrays[upper] = self._views(data)
        return upper << 32

    def array(self, address: int) -> NDArray[np.uint8]:
        """The bytes of the array that starts at an address."""
        return self._arrays[address >> 32][1]

    def at(self, upper: int) -> dict[int, NDArray[np.unsignedinteger]]:
        """The array of addresses whose upper half is `upper`, by the bytes of an element."""
        try:
            return self._arrays[upper]
        except KeyError:
            raise Fault(f"no memory at {upper:#x}........") from None


class Warp:
    """Registers, predicates, and which lanes are where."""

    def __init__(self, first_thread: int, memory: Memory, block: int = 0) -> None:
        self.memory, self.block = memory, block
        self.thread = np.arange(first_thread, first_thread + LANES, dtype=np.uint32)
        file = np.zeros((LANES, COLUMNS), dtype=np.uint32)
        # All columns as words, then all as integers and so on; the parts of it also by name.
        self.columns: list[Any] = []
        for kind in VIEWS.values():
            view, size = file.view(kind), np.dtype(kind).itemsize // 4
            self.columns += [view[:, n // size] for n in range(COLUMNS)]
        self.u, self.i, self.f, self.q = (self.columns[n * COLUMNS : (n + 1) * COLUMNS] for n in range(4))
        self.p = [np.zeros(LANES, dtype=np.bool_) for _ in range(16)]
        self.p[TRUE][:] = True
        # The lanes that execute, and those of them that the current instruction's guard lets write.
        self.pc = 0
        self.active = ALL
        self.mask, self.whole = lanes(ALL), True
        self.live = ALL
        # Lanes elsewhere: ready at a place, or waiting there for others.
        self.ready: list[tuple[int, int]] = []
        self.waiting: list[Waiting] = []
        self.convergence = np.zeros((16, LANES), dtype=np.uint32)

    def take(self, active: int) -> None:
        """Let these lanes execute."""
        self.active = active
        self.mask, self.whole = lanes(active), active == ALL

    def first(self) -> int:
        """The lowest lane that executes."""
        return (self.active & -self.active).bit_length() - 1


class Waiting:
    """Lanes that wait at a place for others: of a convergence barrier, or of a mask."""

    def __init__(self, pc: int, lanes: int, barrier: int | None, mask: int = 0, block: bool = False) -> None:
        self.pc, self.lanes, self.barrier, self.mask = pc, lanes, barrier, mask
        self.block = block  # and then the warp waits for the block's others

    def expected(self, warp: Warp) -> int:
        """All lanes that must have come before these go on."""
        if self.barrier is None:
            wanted = self.mask
        else:
            lane = (self.lanes & -self.lanes).bit_length() - 1
            wanted = int(warp.convergence[self.barrier, lane])
        return wanted & warp.live
