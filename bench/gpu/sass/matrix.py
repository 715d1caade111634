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
