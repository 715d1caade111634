"""Branches, calls, and where lanes and warps wait for each other."""

import numpy as np

from bench.gpu.sass.code import STEP, Instruction
from bench.gpu.sass.decode import STOP, Decoder, Step, column, operation, predicate
from bench.gpu.sass.warp import ALL, TRUE, Fault, Waiting, Warp, bits_of, lanes


def target(text: str) -> int:
    """The number of the instruction that a label names."""
    if not text.startswith("->"):
        raise Fault(f"no label: {text}")
    return int(text[2:])


def taken(i: Instruction) -> tuple[int, bool]:
    """The guard of a branch."""
    return (predicate(i.guard), i.guard.startswith("!")) if i.guard else (TRUE, False)


def arrive(w: Warp, group: Waiting) -> int:
    """Lanes wait; those that are ready elsewhere go on, or those whose wait is over."""
    w.waiting.append(group)
    return resume(w)


def resume(w: Warp) -> int:
    """The next place of this warp, with the lanes there; STOP where it waits for others, or has ended."""
    if w.ready:
        place, active = w.ready.pop()
        w.take(active)
        return place
    for group in w.waiting:
        expected = group.expected(w)
        together = [other for other in w.waiting if other.pc == group.pc and other.expected(w) == expected]
        arrived = 0
        for other in together:
            arrived |= other.lanes
        if expected & ~arrived == 0:
            w.waiting = [other for other in w.waiting if other not in together]
            w.take(arrived)
            w.pc = group.pc + 1
            return STOP if group.block else w.pc
    if w.waiting:
        raise Fault("lanes wait for lanes that never come")
    w.live = 0
    return STOP


@operation("BRA")
def branch(d: Decoder, i: Instruction) -> Step:
    to = target(i.operands[-1])
    if "DIV" in i.modifiers or "CONV" in i.modifiers:
        at, whole = column(i.operands[0]), "CONV" in i.modifiers
        return lambda w: to if (w.active == int(w.u[at][0]) & w.live) is whole else None
    first, negated = taken(i)
    others = [text for text in i.operands[:-1] if text not in ("PT", "UPT")]
    also = [d.truth(text) for text in others]
    if first == TRUE and not negated and not also:
        return lambda w: to

    def step(w: Warp) -> int | None:
        truth = ~w.p[first] if negated else w.p[first]
        for read in also:
            truth = truth & read(w)
        there = bits_of(truth) & w.active
        if there == w.active:
            return to
        if there:
            w.ready.append((to, there))
            w.take(w.active & ~there)
        return None

    return step


@operation("BRX", "JMX")
def branch_indexed(d: Decoder, i: Instruction) -> Step:
    register, offset = i.operands[0].split()
    at, base = column(register), int(offset, 0)

    def step(w: Warp) -> int:
        behind = (w.pc + 1) * STEP
        places = (w.i[at].astype(np.int64) + behind + base) // STEP
        found = [(int(place), bits_of(places == place) & w.active) for place in np.unique(places[lanes(w.active)])]
        w.ready += found[1:]
        w.take(found[0][1])
        return found[0][0]

    return step


@operation("CALL")
def call(d: Decoder, i: Instruction) -> Step:
    if "REL" not in i.modifiers:
        raise Fault("not interpreted")
    to = target(i.operands[-1])
    return lambda w: to


@operation("RET")
def come_back(d: Decoder, i: Instruction) -> Step:
    if "REL" not in i.modifiers:
        raise Fault("not interpreted")
    at = column(i.operands[0].split()[0])
    return lambda w: int(w.u[at][w.first()]) // STEP


@operation("EXIT")
def leave(d: Decoder, i: Instruction) -> Step:
    first, negated = taken(i)

    def step(w: Warp) -> int | None:
        gone = bits_of(~w.p[first] if negated else w.p[first]) & w.active
        w.live &= ~gone
        if gone != w.active:
            w.take(w.active & ~gone)
            return None
        return resume(w)

    return step


@operation("BSSY")
def expect(d: Decoder, i: Instruction) -> Step:
    barrier = int(i.operands[0][1:])

    def step(w: Warp) -> None:
        w.convergence[barrier][w.mask] = w.active

    return step


@operation("BSYNC")
def converge(d: Decoder, i: Instruction) -> Step:
    barrier = int(i.operands[0][1:])

    def step(w: Warp) -> int | None:
        if int(w.convergence[barrier][w.first()]) & w.live == w.active:
            return None
        return arrive(w, Waiting(w.pc, w.active, barrier))

    return step


@operation("BREAK")
def give_up(d: Decoder, i: Instruction) -> Step:
    barrier = int(i.operands[-1][1:])
    first, negated = taken(i)

    def step(w: Warp) -> None:
        gone = bits_of(~w.p[first] if negated else w.p[first]) & w.active
        w.convergence[barrier] &= np.uint32(~gone & 0xFFFFFFFF)

    return step


@operation("WARPSYNC")
def meet(d: Decoder, i: Instruction) -> Step:
    every = "ALL" in i.modifiers
    read = d.words("-0x1" if every else i.operands[0])

    def step(w: Warp) -> int | None:
        wanted = int(np.broadcast_to(read(w), 32)[w.first()])
        if w.active == wanted & w.live:
            return None
        return arrive(w, Waiting(w.pc, w.active, None, wanted))

    return step


@operation("BAR")
def block_barrier(d: Decoder, i: Instruction) -> Step:
    if i.modifiers[0] != "SYNC" or i.operands != ("0x0",):
        raise Fault("not interpreted")

    def step(w: Warp) -> int:
        return arrive(w, Waiting(w.pc, w.active, None, ALL, block=True))

    return step


@operation("NOP", "ENDCOLLECTIVE", "DEPBAR", "LDGDEPBAR", "YIELD", "MEMBAR", "ERRBAR", "CCTL", "WARPGROUP", "FENCE")
def nothing(d: Decoder, i: Instruction) -> Step:
    return lambda w: None
