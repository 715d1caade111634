"""From an instruction's text to a function that executes it: operands as readers and writers, opcodes as a table."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.warp import (
    COLUMNS,
    NO_PREDICATE,
    NOWHERE,
    TRUE,
    UNIFORM,
    UNIFORM_PREDICATE,
    VIEWS,
    ZERO,
    ZERO_PAIR,
    Fault,
    Warp,
)

Step = Callable[[Warp], int | None]
"""Executes an instruction; the number of the next one where that is not the one behind it, or STOP."""
STOP = -1
Reader = Callable[[Warp], Any]
"""An operand: an array of 32 lanes, or one number for all."""
Writer = Callable[[Warp, Any], None]

_REGISTER = re.compile(r"^([-~]?)(\|?)(U?R(?:\d+|Z))(?:\.\w+)*\|?(?:\.\w+)*$")
_PREDICATE = re.compile(r"^(!?)(U?)P(T|\d)$")
_CONSTANT = re.compile(r"^([-~]?)c\[(0x[0-9a-f]+)\]\[(?:(U?R(?:\d+|Z))\+?)?(-?0x[0-9a-f]+)?\]$")
_INTEGER = re.compile(r"^-?(0x[0-9a-f]+|\d+)$")
_FLOATS = {"INF": np.inf, "QNAN": np.nan}


def column(name: str) -> int:
    """A register's column of the file."""
    name = name.removesuffix(".reuse")
    number = name.lstrip("UR")
    return ZERO if number == "Z" else int(number) + UNIFORM * name.startswith("U")


def predicate(text: str) -> int:
    """The index of a predicate; its negation is the caller's."""
    found = _PREDICATE.match(text)
    if not found:
        raise Fault(f"no predicate: {text}")
    return TRUE if found[3] == "T" else int(found[3]) + UNIFORM_PREDICATE * bool(found[2])


def is_predicate(text: str) -> bool:
    """Whether an operand is a predicate."""
    return bool(_PREDICATE.match(text))


def immediate(text: str, view: str) -> Any:
    """A number in the text, as the instruction sees it."""
    kind: Any = VIEWS[view]
    if not _INTEGER.match(text) or view in "fd":
        word = text.lstrip("+-")
        number = np.float64(_FLOATS[word] * (-1) ** text.startswith("-") if word in _FLOATS else float(text))
        return kind(number) if view in "fd" else np.float32(number).view(kind)
    bits = 8 * np.dtype(kind).itemsize
    return np.array(int(text, 0) & (1 << bits) - 1, dtype=f"u{bits // 8}").view(kind)[()]


class Decoder:
    """Reads operands of a launch, whose constant banks are known."""

    def __init__(self, constants: dict[int, bytes]) -> None:
        self._banks = {
            bank: np.frombuffer(data + bytes(-len(data) % 8), dtype=np.uint32) for bank, data in constants.items()
        }

    def words(self, text: str) -> Reader:
        """32 bits without sign."""
        return self._reader(text, "u")

    def integers(self, text: str) -> Reader:
        """32 bits with sign."""
        return self._reader(text, "i")

    def floats(self, text: str) -> Reader:
        """A float32."""
        return self._reader(text, "f")

    def longs(self, text: str) -> Reader:
        """64 bits without sign, of a register and the next."""
        return self._reader(text, "q")

    def doubles(self, text: str) -> Reader:
        """A float64, of a register and the next."""
        return self._reader(text, "d")

    def truth(self, text: str) -> Reader:
        """A predicate."""
        at = predicate(text)
        return (lambda w: ~w.p[at]) if text.startswith("!") else (lambda w: w.p[at])

    def _reader(self, text: str, view: str) -> Reader:
        register, constant = _REGISTER.match(text), _CONSTANT.match(text)
        if register:
            at = column(register[3])
            place = _place(ZERO_PAIR if at == ZERO and view in "qd" else at, view)
            return _signed(lambda w: w.columns[place], register[1], bool(register[2]))
        if constant:
            words, start = self._banks[int(constant[2], 16)], int(constant[4] or "0", 16) // 4
            if constant[3]:
                base = column(constant[3])
                return _signed(lambda w: words[start + w.i[base] // 4].view(VIEWS[view]), constant[1], False)
            value = words[start : start + (2 if view in "qd" else 1)].view(VIEWS[view])[0]
            return _signed(lambda w: value, constant[1], False)
        number = immediate(text, view)
        return lambda w: number


def _place(at: int, view: str) -> int:
    return list(VIEWS).index(view) * COLUMNS + at


def _signed(read: Reader, sign: str, absolute: bool) -> Reader:
    if absolute:
        return (lambda w: -np.abs(read(w))) if sign else (lambda w: np.abs(read(w)))
    if sign:
        return (lambda w: np.negative(read(w))) if sign == "-" else (lambda w: np.invert(read(w)))
    return read


def writer(text: str, view: str = "u") -> Writer:
    """Writes a register in the lanes that execute; a uniform one in all."""
    at = column(text)
    place = _place(NOWHERE if at == ZERO else at, view)
    uniform = text.startswith("U")

    def put(w: Warp, value: Any) -> None:
        if w.whole or uniform:
            w.columns[place][:] = value
        else:
            np.copyto(w.columns[place], value, where=w.mask, casting="unsafe")

    return put


def truth_writer(text: str) -> Writer:
    """Writes a predicate."""
    at, uniform = predicate(text), text.startswith("U")
    at = NO_PREDICATE if at == TRUE else at

    def put(w: Warp, value: Any) -> None:
        if w.whole or uniform:
            w.p[at][:] = value
        else:
            np.copyto(w.p[at], value, where=w.mask)

    return put


Operation = Callable[[Decoder, Instruction], Step]
OPERATIONS: dict[str, Operation] = {}
# Their guard is part of what they do: lanes part there.
PART_LANES = ("BRA", "EXIT", "BREAK")


def operation(*opcodes: str) -> Callable[[Operation], Operation]:
    """Enters what executes these opcodes."""

    def enter(found: Operation) -> Operation:
        OPERATIONS.update(dict.fromkeys(opcodes, found))
        return found

    return enter


def decode(decoder: Decoder, instruction: Instruction) -> Step:
    """What executes an instruction, under its guard."""
    if instruction.opcode not in OPERATIONS:
        raise Fault("not interpreted")
    try:
        step = OPERATIONS[instruction.opcode](decoder, instruction)
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise Fault("not understood") from error
    if instruction.opcode in PART_LANES or instruction.guard in ("", "PT"):
        return step
    return _guarded(step, instruction.guard)


def _guarded(step: Step, guard: str) -> Step:
    at, negated = predicate(guard), guard.startswith("!")

    def guarded(w: Warp) -> None:
        mask, whole = w.mask, w.whole
        inner = mask & ~w.p[at] if negated else mask & w.p[at]
        if not inner.any():
            return
        w.mask, w.whole = inner, bool(inner.all())
        if step(w) is not None:
            raise Fault("a jump under a guard is not interpreted")
        w.mask, w.whole = mask, whole

    return guarded
