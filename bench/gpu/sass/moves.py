"""Moves between registers, lanes and predicates."""

from typing import Any

import numpy as np

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.decode import Decoder, Reader, Step, is_predicate, operation, truth_writer, writer
from bench.gpu.sass.integers import U32, U64, wide, with_carries
from bench.gpu.sass.warp import LANES, Fault, Warp, bits_of


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
    "SR_CTAID.X": lambda w: w.block,
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


@operation("REDUX")
def reduce_warp(d: Decoder, i: Instruction) -> Step:
    put, read = writer(i.operands[0]), d.words(i.operands[1])
    if i.modifiers != ("MAX", "S32"):
        raise Fault("not interpreted")

    def step(w: Warp) -> None:
        put(w, U32(read(w).astype(np.int32)[w.mask].max()))

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
