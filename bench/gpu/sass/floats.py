"""Arithmetic in float32 and float64. Rounding is to nearest: directed modes serve quotients' last bits alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Reader, Step, operation, truth_writer, writer
from bench.gpu.sass.integers import COMPARE, compared
from bench.gpu.sass.warp import Fault, Warp

F32, F64 = np.float32, np.float64


def saturated(i: Instruction, put: Callable[[Warp, Any], None]) -> Callable[[Warp, Any], None]:
    """What writes a result, clamped to [0, 1] where the instruction says so."""
    if "SAT" not in i.modifiers:
        return put
    return lambda w, value: put(w, np.clip(value, 0, 1))


@operation("FADD")
def add(d: Decoder, i: Instruction) -> Step:
    put, a, b = saturated(i, writer(i.operands[0], "f")), d.floats(i.operands[1]), d.floats(i.operands[2])
    return lambda w: put(w, a(w) + b(w))


@operation("FMUL")
def multiply(d: Decoder, i: Instruction) -> Step:
    put, a, b = saturated(i, writer(i.operands[0], "f")), d.floats(i.operands[1]), d.floats(i.operands[2])
    return lambda w: put(w, a(w) * b(w))


@operation("FFMA")
def multiply_add(d: Decoder, i: Instruction) -> Step:
    put, (a, b, c) = saturated(i, writer(i.operands[0], "f")), (d.floats(text) for text in i.operands[1:4])
    if "RM" in i.modifiers:  # adds 1.5 · 2²³, to round down to an integer
        return lambda w: put(w, np.floor(np.multiply(a(w), b(w), dtype=F64)) + c(w))
    return lambda w: put(w, np.multiply(a(w), b(w), dtype=F64) + c(w))


@operation("DADD")
def add_double(d: Decoder, i: Instruction) -> Step:
    put, a, b = writer(i.operands[0], "d"), d.doubles(i.operands[1]), d.doubles(i.operands[2])
    return lambda w: put(w, a(w) + b(w))


@operation("DMUL")
def multiply_double(d: Decoder, i: Instruction) -> Step:
    put, a, b = writer(i.operands[0], "d"), d.doubles(i.operands[1]), d.doubles(i.operands[2])
    return lambda w: put(w, a(w) * b(w))


@operation("DFMA")
def multiply_add_double(d: Decoder, i: Instruction) -> Step:
    put, (a, b, c) = writer(i.operands[0], "d"), (d.doubles(text) for text in i.operands[1:4])
    return lambda w: put(w, (np.multiply(a(w), b(w), dtype=np.longdouble) + c(w)).astype(F64))


def comparison(name: str) -> Callable[[Any, Any], Any]:
    """A comparison of floats; one whose name ends in U holds of what is not a number too."""
    if name == "NAN":
        return lambda a, b: np.isnan(a) | np.isnan(b)
    if name == "NUM":
        return lambda a, b: ~(np.isnan(a) | np.isnan(b))
    if name == "NE":
        return lambda a, b: (a != b) & ~(np.isnan(a) | np.isnan(b))
    if name == "NEU":
        return COMPARE["NE"]
    if name == "MAX":
        return lambda a, b: (a > b) | np.isnan(b)
    if name == "MIN":
        return lambda a, b: (a < b) | np.isnan(b)
    if name not in COMPARE:
        compare = COMPARE[name.removesuffix("U")]
        return lambda a, b: compare(a, b) | np.isnan(a) | np.isnan(b)
    return COMPARE[name]


@operation("FSETP")
def compare(d: Decoder, i: Instruction) -> Step:
    return compared(d, i, d.floats, comparison(i.modifiers[0]))


@operation("DSETP")
def compare_double(d: Decoder, i: Instruction) -> Step:
    step = compared(d, i, d.doubles, comparison(i.modifiers[0]))
    if i.modifiers[0] not in ("MAX", "MIN"):
        return step
    # The second predicate is for one that is not a number.
    a, b, second = d.doubles(i.operands[2]), d.doubles(i.operands[3]), truth_writer(i.operands[1])

    def with_nan(w: Warp) -> None:
        bad = np.isnan(a(w)) | np.isnan(b(w))
        step(w)
        second(w, bad)

    return with_nan


@operation("FSET")
def compare_to_float(d: Decoder, i: Instruction) -> Step:
    if i.modifiers[0] != "BF" or i.modifiers[2] != "AND":
        raise Fault("not interpreted")
    put, a, b = writer(i.operands[0], "f"), d.floats(i.operands[1]), d.floats(i.operands[2])
    compare, also = comparison(i.modifiers[1]), d.truth(i.operands[3])
    return lambda w: put(w, compare(a(w), b(w)) & also(w))


@operation("FSEL")
def select(d: Decoder, i: Instruction) -> Step:
    put, a, b, c = writer(i.operands[0], "f"), d.floats(i.operands[1]), d.floats(i.operands[2]), d.truth(i.operands[3])
    return lambda w: put(w, np.where(c(w), a(w), b(w)))


@operation("FMNMX")
def minimum_or_maximum(d: Decoder, i: Instruction) -> Step:
    put, a, b = writer(i.operands[0], "f"), d.floats(i.operands[1]), d.floats(i.operands[2])
    least = d.truth(i.operands[3])
    return lambda w: put(w, np.where(least(w), np.fmin(a(w), b(w)), np.fmax(a(w), b(w))))


@operation("FCHK")
def needs_care(d: Decoder, i: Instruction) -> Step:
    put = truth_writer(i.operands[0])
    return lambda w: put(w, False)  # a quotient of numbers near the ends of the range


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "RCP": lambda x: 1 / x,
    "RSQ": lambda x: 1 / np.sqrt(x),
    "SQRT": np.sqrt,
    "EX2": np.exp2,
    "LG2": np.log2,
    "SIN": np.sin,
    "COS": np.cos,
}


@operation("MUFU")
def function(d: Decoder, i: Instruction) -> Step:
    name = i.modifiers[0]
    if not name.endswith("64H"):
        of, put, a = FUNCTIONS[name], writer(i.operands[0], "f"), d.floats(i.operands[1])
        return lambda w: put(w, of(np.asarray(a(w)).astype(F64)))
    # The upper half of a double, from the upper half of another.
    of, put, upper = FUNCTIONS[name.removesuffix("64H")], writer(i.operands[0]), d.words(i.operands[1])

    def step(w: Warp) -> None:
        x = (np.asarray(upper(w)).astype(np.uint64) << np.uint64(32)).view(F64)
        put(w, (np.asarray(of(x)).view(np.uint64) >> np.uint64(32)).astype(np.uint32))

    return step


def kind_of(names: tuple[str, ...], default: str) -> str:
    """The type among an instruction's modifiers."""
    return next((name for name in names if name in ("U32", "S32", "U64", "S64", "F64", "F32", "U16", "S16")), default)


@operation("I2FP", "I2F")
def from_integer(d: Decoder, i: Instruction) -> Step:
    target = "F64" if "F64" in i.modifiers else "F32"
    kinds = [m for m in i.modifiers if m not in ("F64", "F32")]
    kind = kind_of(tuple(kinds), "S32")
    read: Reader = {"U32": d.words, "S32": d.integers, "U64": d.longs, "S64": d.longs}[kind](i.operands[1])
    put = writer(i.operands[0], "d" if target == "F64" else "f")
    if kind == "S64":
        return lambda w: put(w, np.asarray(read(w)).view(np.int64).astype(F64))
    return lambda w: put(w, np.asarray(read(w)).astype(F64))


@operation("F2I")
def to_integer(d: Decoder, i: Instruction) -> Step:
    read = d.doubles(i.operands[1]) if "F64" in i.modifiers else d.floats(i.operands[1])
    kind = kind_of(tuple(m for m in i.modifiers if m not in ("F64", "F32")), "S32")
    view = {"U32": "u", "S32": "i", "U64": "q", "S64": "q"}[kind]
    low, high = (
        (0, 2 ** int(kind[1:]) - 1) if kind[0] == "U" else (-(2 ** (int(kind[1:]) - 1)), 2 ** (int(kind[1:]) - 1) - 1)
    )
    rounded = next((f for m, f in ROUND.items() if m in i.modifiers), np.rint)
    put = writer(i.operands[0], view)

    def step(w: Warp) -> None:
        x = np.broadcast_to(rounded(read(w)), 32)
        put(
            w,
            np.array([0 if np.isnan(v) else int(min(max(float(v), low), high)) for v in x], dtype=object).astype(
                np.int64 if kind[0] == "S" else np.uint64
            ),
        )

    return step


ROUND: dict[str, Callable[[Any], Any]] = {"TRUNC": np.trunc, "FLOOR": np.floor, "CEIL": np.ceil}


@operation("FRND")
def to_whole(d: Decoder, i: Instruction) -> Step:
    view = "d" if "F64" in i.modifiers else "f"
    put = writer(i.operands[0], view)
    read = d.doubles(i.operands[1]) if view == "d" else d.floats(i.operands[1])
    rounded = next((f for m, f in ROUND.items() if m in i.modifiers), np.rint)
    return lambda w: put(w, rounded(read(w)))


@operation("F2F")
def convert(d: Decoder, i: Instruction) -> Step:
    names = [m for m in i.modifiers if m in ("F16", "F32", "F64")]
    if names == ["F64", "F32"]:
        put, read = writer(i.operands[0], "d"), d.floats(i.operands[1])
    elif names == ["F32", "F64"]:
        put, read = writer(i.operands[0], "f"), d.doubles(i.operands[1])
    else:
        raise Fault("not interpreted")
    return lambda w: put(w, read(w))


@operation("HADD2")
def from_half(d: Decoder, i: Instruction) -> Step:
    source = i.operands[2]
    if i.modifiers != ("F32",) or i.operands[1] != "-RZ" or not source.endswith(("H0_H0", "H1_H1")):
        raise Fault("not interpreted")
    put, read, half = writer(i.operands[0], "f"), d.words(source), source.endswith("H1_H1")
    return lambda w: put(w, (read(w) >> np.uint32(16 * half)).astype(np.uint16).view(np.float16))
