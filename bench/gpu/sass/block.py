"""Runs one block, and counts what each of its warps is issued."""

import numpy as np

from bench.gpu.sass import control, floats, integers, matrix, moves, storage
from bench.gpu.sass.code import Code
from bench.gpu.sass.decode import STOP, Decoder, Step, decode
from bench.gpu.sass.warp import LANES, Fault, Memory, Warp

# Of constant bank 0 on sm_90: sizes of block and grid, and the first byte of the arguments.
BLOCK_SIZE, GRID_SIZE, STACK, ARGUMENTS = 0x0, 0xC, 0x28, 0x210
# Dynamic shared memory begins behind what the system keeps.
SHARED_START = 0x400
LONGEST = 50_000_000  # instructions, before a run is taken for endless

OPERATIONS = (control, floats, integers, matrix, moves, storage)  # what enters them in the table


def constants(code: Code, arguments: bytes, threads: int) -> dict[int, bytes]:
    """The constant banks of a launch of one block."""
    bank = bytearray(ARGUMENTS)
    for at, value in ((BLOCK_SIZE, (threads, 1, 1)), (GRID_SIZE, (1, 1, 1)), (STACK, (0xFFFFF0,))):
        bank[at : at + 4 * len(value)] = np.array(value, dtype=np.uint32).tobytes()
    return {0: bytes(bank) + arguments, 2: code.jumps}


def run(code: Code, arguments: bytes, threads: int, memory: Memory, rank: int = 0) -> list[int]:
    """How often each instruction is issued in a block, over all warps."""
    decoder = Decoder(constants(code, arguments, threads))
    counts = [0] * len(code.instructions)
    steps: list[Step | None] = [None] * len(code.instructions)
    warps = [Warp(first, memory, rank) for first in range(0, threads, LANES)]
    with np.errstate(all="ignore"):
        while any(w.live for w in warps):
            for w in warps:
                if w.live:
                    advance(code, decoder, steps, counts, w)
    return counts


def advance(code: Code, decoder: Decoder, steps: list[Step | None], counts: list[int], w: Warp) -> None:
    """Run a warp to the next barrier of the block, or to its end."""
    pc = w.pc
    try:
        for _ in range(LONGEST):
            step = steps[pc]
            if step is None:
                step = steps[pc] = decode(decoder, code.instructions[pc])
            counts[pc] += 1
            w.pc = pc
            following = step(w)
            if following is None:
                pc += 1
            elif following == STOP:
                return
            else:
                pc = following
        raise Fault("it does not end")
    except Fault as fault:
        raise Fault(f"{fault}, at {pc * 16:#x} in {code.instructions[pc].function}: {code.instructions[pc]}") from None
