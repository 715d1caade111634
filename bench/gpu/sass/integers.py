"""Integers, bits, predicates and moves between registers."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Reader, Step, is_predicate, operation, truth_writer, writer
from bench.gpu.sass.warp import LANES, Fault, Warp, bits_of

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


@operation("SEL", "USEL")
def select(d: Decoder, i: Instruction) -> Step:
    put, a, b, c = writer(i.operands[0]), d.words(i.operands[1]), d.words(i.operands[2]), d.truth(i.operands[3])
    return lambda w: put(w, np.where(c(w), a(w), b(w)))


@operation("MOV", "UMOV", "S2UR", "S2R", "CS2R", "CS2UR")
def move(d: Decoder, i: Instruction) -> Step:
    source = i.operands[1]
    if source == "SRZ":
        put = writer(i.operands[0], "u" if "32" in i.modifiers else "q")
        return lambda w: put(w, 0)
    put = writer(i.operands[0])
    if source.startswith("->"):
        address = U32(16 * int(source[2:]))
        return lambda w: put(w, address)
    if source.startswith("SR_"):
        special = SPECIAL.get(source)
        if special is None:
            raise Fault("not interpreted")
        return lambda w: put(w, special(w))
    read = d.words(source)
    return lambda w: put(w, read(w))


SPECIAL: dict[str, Reader] = {
    "SR_TID.X": lambda w: w.thread,
    "SR_TID.Y": lambda w: 0,
    "SR_TID.Z": lambda w: 0,
    "SR_LANEID": lambda w: w.thread % LANES,
    "SR_CTAID.X": lambda w: 0,
    "SR_CTAID.Y": lambda w: 0,
    "SR_CTAID.Z": lambda w: 0,
    "SR_CgaCtaId": lambda w: 0,
    "SR_SWINHI": lambda w: w.memory.SHARED,
    "SR_CLOCKLO": lambda w: 0,
}


@operation("R2UR")
def to_uniform(d: Decoder, i: Instruction) -> Step:
    _, rest = with_carries(i.operands)
    put, read = writer(i.operands[0]), d.words(rest[0])
    return lambda w: put(w, read(w)[w.first()])


@operation("PRMT", "UPRMT")
def permute(d: Decoder, i: Instruction) -> Step:
    if i.modifiers:
        raise Fault("not interpreted")
    put, a, s, b = writer(i.operands[0]), *(d.words(text) for text in i.operands[1:4])

    def step(w: Warp) -> None:
        both, chosen = wide(a(w)) | wide(b(w)) << U64(32), wide(s(w))
        total: Any = U64(0)
        for byte in range(4):
            digit = chosen >> U64(4 * byte) & U64(15)
            value = both >> (digit & U64(7)) * U64(8) & U64(255)
            value = np.where(digit & U64(8), np.where(value & U64(128), U64(255), U64(0)), value)
            total = total | value << U64(8 * byte)
        put(w, np.asarray(total).astype(U32))

    return step


@operation("POPC", "UPOPC")
def count_ones(d: Decoder, i: Instruction) -> Step:
    put, read = writer(i.operands[0]), d.words(i.operands[1])
    return lambda w: put(w, [int(x).bit_count() for x in np.broadcast_to(read(w), LANES)])


@operation("FLO", "UFLO")
def leading_one(d: Decoder, i: Instruction) -> Step:
    put, read, shifts = writer(i.operands[0]), d.words(i.operands[1]), "SH" in i.modifiers

    def step(w: Warp) -> None:
        at = [int(x).bit_length() - 1 for x in np.broadcast_to(read(w), LANES)]
        put(w, [0xFFFFFFFF if x < 0 else 31 - x if shifts else x for x in at])

    return step


@operation("P2R")
def predicates_to_register(d: Decoder, i: Instruction) -> Step:
    put, below, mask = writer(i.operands[0]), d.words(i.operands[2]), int(i.operands[3], 0)
    if i.modifiers:
        raise Fault("not interpreted")

    def step(w: Warp) -> None:
        total = below(w) & U32(~mask & 0xFFFFFFFF)
        for n in range(7):
            if mask >> n & 1:
                total = total | w.p[n].astype(U32) << U32(n)
        put(w, total)

    return step


@operation("R2P")
def register_to_predicates(d: Decoder, i: Instruction) -> Step:
    read, mask = d.words(i.operands[1]), int(i.operands[2], 0)
    if i.modifiers:
        raise Fault("not interpreted")

    def step(w: Warp) -> None:
        value = read(w)
        for n in range(7):
            if mask >> n & 1:
                np.copyto(w.p[n], (value >> U32(n) & U32(1)).astype(np.bool_), where=w.mask)

    return step


@operation("VOTE", "VOTEU")
def vote(d: Decoder, i: Instruction) -> Step:
    operands = list(i.operands)
    put = writer(operands.pop(0)) if not is_predicate(operands[0]) else None
    out, read = truth_writer(operands[0]), d.truth(operands[1])
    every = "ALL" in i.modifiers

    def step(w: Warp) -> None:
        votes = bits_of(read(w) & w.mask)
        if put:
            put(w, U32(votes))
        out(w, votes == bits_of(w.mask) if every else votes != 0)

    return step


@operation("SHFL")
def shuffle(d: Decoder, i: Instruction) -> Step:
    out, put = truth_writer(i.operands[0]), writer(i.operands[1])
    value, other, limit = d.words(i.operands[2]), d.words(i.operands[3]), d.words(i.operands[4])
    mode, lane = i.modifiers[0], np.arange(LANES)

    def step(w: Warp) -> None:
        by, bound = np.broadcast_to(other(w), LANES).astype(np.int64), np.broadcast_to(limit(w), LANES)
        segment, clamp = (bound >> U32(8) & U32(31)).astype(np.int64), (bound & U32(31)).astype(np.int64)
        start, last = lane & segment, lane & segment | clamp & ~segment
        if mode == "BFLY":
            source, good = lane ^ by, (lane ^ by) <= last
        elif mode == "IDX":
            source = start | by & ~segment & 31
            good = source <= last
        elif mode == "UP":
            source = lane - by
            good = source >= last
        else:
            source = lane + by
            good = source <= last
        put(w, np.broadcast_to(value(w), LANES)[np.where(good, source, lane)])
        out(w, good)

    return step
