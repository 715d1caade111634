"""Arithmetic on integers, bits and predicates."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Reader, Step, is_predicate, operation, truth_writer, writer
from bench.gpu.sass.warp import Fault, Warp

U64, I64, U32 = np.uint64, np.int64, np.uint32
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
    "EQ": operator.eq,
    "NE": operator.ne,
}
JOIN: dict[str, Callable[[Any, Any], Any]] = {
    "AND": operator.and_,
    "OR": operator.or_,
    "XOR": operator.xor,
}


def wide(x: Any) -> Any:
    """32 bits as 64 without sign."""
    return np.asarray(x).astype(U64)


def with_carries(operands: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """Predicates behind the destination, which take carries, and the other operands."""
    rest = list(operands[1:])
    carries = []
    while rest and is_predicate(rest[0]) and not rest[0].startswith("!"):
        carries.append(rest.pop(0))
    return carries, tuple(rest)


def addend(d: Decoder, text: str) -> Reader:
    """An operand of a sum whose carry is asked for: minus x is ~x + 1, with the carry of that."""
    if text.startswith("-") and not text.startswith("-0x") and not text[1:].isdigit():
        plain = d.words(text[1:])
        return lambda w: U64(1 << 32) - wide(plain(w))
    read = d.words(text)
    return lambda w: wide(read(w))


@operation("IADD3", "UIADD3")
def add_three(d: Decoder, i: Instruction) -> Step:
    put = writer(i.operands[0])
    carries, rest = with_carries(i.operands)
    ins = [d.truth(text) for text in rest[3:]]
    if not carries and not ins:
        a, b, c = (d.words(text) for text in rest[:3])
        return lambda w: put(w, a(w) + b(w) + c(w))
    sources = [addend(d, text) for text in rest[:3]]
    outs = [truth_writer(text) for text in carries]

    def step(w: Warp) -> None:
        total = sources[0](w) + sources[1](w) + sources[2](w)
        for read in ins:
            total = total + read(w)
        put(w, total.astype(U32))
        for count, out in enumerate(outs, 1):
            out(w, total >> U64(32) >= U64(count))

    return step


@operation("VIADD")
def add(d: Decoder, i: Instruction) -> Step:
    put, a, b = writer(i.operands[0]), d.words(i.operands[1]), d.words(i.operands[2])
    return lambda w: put(w, a(w) + b(w))


@operation("IMAD", "UIMAD")
def multiply_add(d: Decoder, i: Instruction) -> Step:
    if "WIDE" in i.modifiers or "HI" in i.modifiers:
        return multiply_add_wide(d, i)
    put = writer(i.operands[0])
    a, b, c = (d.words(text) for text in i.operands[1:4])
    if i.modifiers[:1] == ("MOV",):
        return lambda w: put(w, c(w))
    if len(i.operands) > 4:
        carry = d.truth(i.operands[4])
        return lambda w: put(w, a(w) * b(w) + c(w) + carry(w))
    return lambda w: put(w, a(w) * b(w) + c(w))


def multiply_add_wide(d: Decoder, i: Instruction) -> Step:
    carries, rest = with_carries(i.operands)
    high = "HI" in i.modifiers
    put = writer(i.operands[0], "u" if high else "q")
    read = d.words if "U32" in i.modifiers else d.integers
    kind = U64 if "U32" in i.modifiers else I64
    a, b, c = read(rest[0]), read(rest[1]), d.longs(rest[2])
    ins = [d.truth(text) for text in rest[3:]]
    outs = [truth_writer(text) for text in carries]

    def step(w: Warp) -> None:
        product = (np.asarray(a(w)).astype(kind) * np.asarray(b(w)).astype(kind)).astype(U64)
        total = product + c(w)
        carried = total < product
        for more in ins:
            total = total + more(w)
        put(w, (total >> U64(32)).astype(U32) if high else total)
        for out in outs:
            out(w, carried)

    return step


@operation("LEA", "ULEA")
def shifted_add(d: Decoder, i: Instruction) -> Step:
    put = writer(i.operands[0])
    carries, rest = with_carries(i.operands)
    outs = [truth_writer(text) for text in carries]
    ins: list[Reader] = []
    if "X" in i.modifiers:
        ins, rest = [d.truth(rest[-1])], rest[:-1]
    first, second = _shifted(d, i, rest, U64(int(rest[-1], 0))), addend(d, rest[1])

    def step(w: Warp) -> None:
        total = first(w) + second(w)
        for read in ins:
            total = total + read(w)
        put(w, np.asarray(total).astype(U32))
        for out in outs:
            out(w, total >> U64(32) != 0)

    return step


def _shifted(d: Decoder, i: Instruction, rest: tuple[str, ...], shift: np.uint64) -> Reader:
    """The first operand of LEA, shifted."""
    if "HI" not in i.modifiers:
        # Minus x is subtracted with its carry, as in `addend`.
        negative = rest[0].startswith("-R")
        plain, base = d.words(rest[0].removeprefix("-") if negative else rest[0]), U64(1 << 32)
        if negative:
            return lambda w: base - wide(plain(w) << U32(shift))
        return lambda w: wide(plain(w) << U32(shift))
    if rest[0].startswith(("-", "~")):
        raise Fault("not interpreted")
    if "SX32" in i.modifiers:
        signed = d.integers(rest[0])
        return lambda w: (np.asarray(signed(w)).astype(I64).astype(U64) << shift) >> U64(32)
    low, high = d.words(rest[0]), d.words(rest[2])
    return lambda w: ((wide(low(w)) | wide(high(w)) << U64(32)) << shift) >> U64(32)


@operation("SHF", "USHF")
def funnel_shift(d: Decoder, i: Instruction) -> Step:
    put, amount = writer(i.operands[0]), d.words(i.operands[2])
    low, high = d.words(i.operands[1]), d.words(i.operands[3])
    m = i.modifiers
    left, upper, signed, wraps = "L" in m, "HI" in m, "S32" in m or "S64" in m, "W" in m
    limit = 64 if "U64" in m or "S64" in m else 32

    def step(w: Warp) -> None:
        both = wide(low(w)) | wide(high(w)) << U64(32)
        s = amount(w) & U32(limit - 1) if wraps else np.minimum(amount(w), U32(limit))
        s = np.minimum(wide(s), U64(63))
        if left:
            shifted = both << s
        elif signed:
            shifted = (both.astype(I64) >> s.astype(I64)).astype(U64)
        else:
            shifted = both >> s
        put(w, (shifted >> U64(32) if upper else shifted).astype(U32))

    return step


def compared(d: Decoder, i: Instruction, read: Callable[[str], Reader], compare: Callable[[Any, Any], Any]) -> Step:
    """Two predicates: a comparison and its opposite, each joined with a third."""
    first, second = truth_writer(i.operands[0]), truth_writer(i.operands[1])
    two = i.operands[1] not in ("PT", "UPT")
    a, b, c = read(i.operands[2]), read(i.operands[3]), d.truth(i.operands[4])
    join = next(JOIN[m] for m in i.modifiers if m in JOIN)
    plain = join is operator.and_ and i.operands[4] in ("PT", "UPT")

    def step(w: Warp) -> None:
        truth = compare(a(w), b(w))
        if plain and not two:
            first(w, truth)
            return
        other = c(w).copy()
        first(w, join(truth, other))
        if two:
            second(w, join(np.logical_not(truth), other))

    return step


@operation("ISETP", "UISETP")
def compare_integers(d: Decoder, i: Instruction) -> Step:
    name = i.modifiers[0]
    compare = COMPARE[name]
    read = d.words if "U32" in i.modifiers else d.integers
    if "EX" not in i.modifiers:
        return compared(d, i, read, compare)
    # The upper halves of two numbers; what the lower ones say is in a predicate.
    below = d.truth(i.operands[5])
    strict = {"LE": COMPARE["LT"], "GE": COMPARE["GT"]}.get(name, compare)
    first, second = truth_writer(i.operands[0]), truth_writer(i.operands[1])
    a, b, c = read(i.operands[2]), read(i.operands[3]), d.truth(i.operands[4])
    join = next(JOIN[m] for m in i.modifiers if m in JOIN)

    def step(w: Warp) -> None:
        x, y = a(w), b(w)
        equal = x == y
        if name == "EQ":
            truth = equal & below(w)
        elif name == "NE":
            truth = ~equal | below(w)
        else:
            truth = strict(x, y) | (equal & below(w))
        other = c(w).copy()
        first(w, join(truth, other))
        second(w, join(np.logical_not(truth), other))

    return step


@operation("VIMNMX", "IMNMX", "UIMNMX")
def minimum_or_maximum(d: Decoder, i: Instruction) -> Step:
    view = "u" if "U32" in i.modifiers else "i"
    read = d.words if view == "u" else d.integers
    put, a, b = writer(i.operands[0], view), read(i.operands[1]), read(i.operands[2])
    least = d.truth(i.operands[3])
    return lambda w: put(w, np.where(least(w), np.minimum(a(w), b(w)), np.maximum(a(w), b(w))))


@operation("VIMNMX3")
def minimum_or_maximum_of_three(d: Decoder, i: Instruction) -> Step:
    view = "u" if "U32" in i.modifiers else "i"
    read = d.words if view == "u" else d.integers
    put, (a, b, c) = writer(i.operands[0], view), (read(text) for text in i.operands[1:4])
    least, last = d.truth(i.operands[4]), d.truth(i.operands[5] if len(i.operands) > 5 else i.operands[4])

    def step(w: Warp) -> None:
        two = np.where(least(w), np.minimum(a(w), b(w)), np.maximum(a(w), b(w)))
        put(w, np.where(last(w), np.minimum(two, c(w)), np.maximum(two, c(w))))

    return step


@operation("VIADDMNMX")
def sum_or_limit(d: Decoder, i: Instruction) -> Step:
    signed = "U32" not in i.modifiers
    put, a, b, c = writer(i.operands[0]), *(d.words(text) for text in i.operands[1:4])
    least = d.truth(i.operands[4])
    kind = np.int32 if signed else U32

    def step(w: Warp) -> None:
        x, y = np.asarray(a(w) + b(w)).view(kind), np.asarray(c(w)).view(kind)
        put(w, np.where(least(w), np.minimum(x, y), np.maximum(x, y)).view(U32))

    return step


@operation("IABS")
def absolute(d: Decoder, i: Instruction) -> Step:
    put, a = writer(i.operands[0], "i"), d.integers(i.operands[1])
    return lambda w: put(w, np.abs(a(w)))


def table(a: Any, b: Any, c: Any, bits: int, full: Any) -> Any:
    """The function of three bits that `bits` lists, bit by bit."""
    known: dict[int, Callable[[], Any]] = {
        0xC0: lambda: a & b,
        0x3C: lambda: a ^ b,
        0xFC: lambda: a | b,
        0xFE: lambda: a | b | c,
        0x96: lambda: a ^ b ^ c,
        0x30: lambda: a & ~b,
    }
    if bits in known:
        return known[bits]()
    total = a & ~full
    for index in range(8):
        if bits >> index & 1:
            total = total | (a if index & 4 else a ^ full) & (b if index & 2 else b ^ full) & (
                c if index & 1 else c ^ full
            )
    return total


@operation("LOP3", "ULOP3")
def logic(d: Decoder, i: Instruction) -> Step:
    operands = list(i.operands)
    out = truth_writer(operands.pop(0)) if is_predicate(operands[0]) else None
    put = writer(operands[0])
    a, b, c = (d.words(text) for text in operands[1:4])
    bits, full = int(operands[4], 0), U32(0xFFFFFFFF)
    also = d.truth(operands[5]) if len(operands) > 5 else None

    def step(w: Warp) -> None:
        value = table(a(w), b(w), c(w), bits, full)
        put(w, value)
        if out:
            out(w, (value != 0) | also(w) if also else value != 0)

    return step


@operation("PLOP3", "UPLOP3")
def predicate_logic(d: Decoder, i: Instruction) -> Step:
    outs = [truth_writer(text) for text in i.operands[:2]]
    a, b, c = (d.truth(text) for text in i.operands[2:5])
    tables = [int(text, 0) for text in i.operands[5:7]]

    def step(w: Warp) -> None:
        x, y, z = a(w).copy(), b(w).copy(), c(w).copy()
        for out, bits in zip(outs, tables, strict=True):
            out(w, table(x, y, z, bits, np.True_))

    return step
