"""Products of the matrix units."""

import numpy as np
from numpy.typing import NDArray

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Step, column, operation
from bench.gpu.sass.warp import ZERO, Fault, Warp

Floats = NDArray[np.float32]
_LANE = np.arange(32)
_ROW, _QUAD = _LANE // 4, _LANE % 4


def halves(words: NDArray[np.uint32], brain: bool) -> tuple[Floats, Floats]:
    """The lower and the upper 16 bits of each word as numbers."""
    if brain:
        return (words << np.uint32(16)).view(np.float32), (words & np.uint32(0xFFFF0000)).view(np.float32)
    pair = np.ascontiguousarray(words).view(np.float16).reshape(-1, 2).astype(np.float32)
    return pair[:, 0], pair[:, 1]


@operation("HMMA")
def multiply(d: Decoder, i: Instruction) -> Step:
    shape, kind = i.modifiers[0], i.modifiers[-1]
    if shape not in ("16816", "1688") or "F32" not in i.modifiers:
        raise Fault("not interpreted")
    out, a, b, c = (column(text) for text in i.operands[:4])
    wide, depth = kind == "TF32", 16 if shape == "16816" else 8
    parts = depth // 8 if not wide else 2  # registers of B

    def operand(w: Warp, at: int, rows: int) -> Floats:
        """[rows, depth]: registers hold rows 0 to 7 and then 8 to 15 of each part of the depth."""
        found = np.empty((rows, depth), dtype=np.float32)
        for part in range(parts):
            for upper in range(rows // 8):
                n = part * (rows // 8) + upper
                row = 8 * upper + _ROW
                if wide:
                    found[row, 4 * part + _QUAD] = w.f[at + n]
                else:
                    low, high = halves(w.u[at + n], kind == "BF16")
                    found[row, 8 * part + 2 * _QUAD] = low
                    found[row, 8 * part + 2 * _QUAD + 1] = high
        return found

    def step(w: Warp) -> None:
        if not w.whole:
            raise Fault("by part of a warp")
        product = operand(w, a, 16) @ operand(w, b, 8).T
        for n in range(4):
            value = product[_ROW + 8 * (n // 2), 2 * _QUAD + n % 2]
            w.f[out + n][:] = value if c == ZERO else value + w.f[c + n]

    return step


def described(w: Warp, first: int, rows: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Sixteen halves of each row of an operand in shared memory, as its descriptor (PTX ISA, wgmma) says they lie."""
    text = int(w.u[first][0]) | int(w.u[first + 1][0]) << 32
    start, stride, swizzle = (text & 0x3FFF) << 4, (text >> 32 & 0x3FFF) << 4, text >> 62
    if swizzle != 1 or text >> 49 & 7:
        raise Fault("only rows exchanged over 128 bytes, from a multiple of 1024, are interpreted")
    place = start + rows // 8 * stride + rows % 8 * 128
    place = place[:, None] + 2 * np.arange(16)
    place ^= (place >> 7 & 7) << 4
    return np.asarray(w.memory.shared[2][place // 2], dtype=np.uint16)


@operation("HGMMA")
def multiply_rows(d: Decoder, i: Instruction) -> Step:
    """Of four warps together; each forms its own 16 of the 64 rows."""
    high, wide, depth = (int(part) for part in i.modifiers[0].split("x"))
    if (high, depth) != (64, 16) or i.modifiers[1] != "F32" or not i.operands[1].startswith("gdesc["):
        raise Fault("not interpreted")
    out, c, places = column(i.operands[0]), column(i.operands[2]), column(i.operands[1][6:-1])
    added = next((d.truth(text) for text in i.operands[3:] if "UP" in text), d.truth("PT"))
    brain = "BF16" in i.modifiers

    def numbers(w: Warp, first: int, rows: NDArray[np.int64]) -> Floats:
        words = described(w, first, rows).astype(np.uint32)
        return halves(words.reshape(-1), brain)[0].reshape(words.shape)

    def step(w: Warp) -> None:
        if not w.whole:
            raise Fault("by part of a warp")
        own = np.arange(16) + 16 * (int(w.thread[0]) // 32 % 4)
        product = numbers(w, places, own) @ numbers(w, places + 2, np.arange(wide)).T
        adds = c != ZERO and bool(added(w)[0])
        for n in range(wide // 2):
            value = product[_ROW + 8 * (n % 4 // 2), 8 * (n // 4) + 2 * _QUAD + n % 2]
            w.f[out + n][:] = value + w.f[c + n] if adds else value

    return step
