"""From an instruction's text to a function that executes it: operands as readers and writers, opcodes as a table."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gpu.sass.code import Instruction
from bench.gpu.sass.warp import (
    NO_PREDICATE,
    NOWHERE,
    TRUE,
    UNIFORM,
    UNIFORM_PREDICATE,
    ZERO,
    ZERO_PAIR,
    Fault,
    Lanes,
    Warp,
    Words,
)

Step = Callable[[Warp], int | None]
"""Executes an instruction; the number of the next one where that is not the one behind it, or STOP."""
STOP = -1

Value = Any  # an array of 32 lanes or one number for all
Reader = Callable[[Warp], Value]
Writer = Callable[[Warp, Value], None]

_REGISTER = re.compile(r"^([-~]?)(\|?)(U?R)(\d+|Z)((?:\.\w+)*)\|?((?:\.\w+)*)$")
_PREDICATE = re.compile(r"^(!?)(U?)P(T|\d)$")
_CONSTANT = re.compile(r"^([-~]?)\|?c\[(0x[0-9a-f]+)\]\[(?:(U?R(?:\d+|Z))\+?)?(-?0x[0-9a-f]+)?\]\|?$")
_SPECIAL = {"+INF": np.inf, "INF": np.inf, "-INF": -np.inf, "+QNAN": np.nan, "QNAN": np.nan, "-QNAN": np.nan}
_VIEWS = {"u": np.uint32, "i": np.int32, "f": np.float32, "q": np.uint64, "d": np.float64}


def column(name: str) -> int:
    """A register's column of the file."""
    uniform, number = name.startswith("U"), name.lstrip("UR")
    if number == "Z":
        return ZERO
    return UNIFORM * uniform + int(number)


class Decoder:
    """Operands of a launch: its constant banks are known."""

    def __init__(self, constants: dict[int, bytes]) -> None:
        self.constants = {
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

    def _reader(self, text: str, view: str) -> Reader:
        register, constant = _REGISTER.match(text), _CONSTANT.match(text)
        if register:
            at, sign, absolute = column(register[3] + register[4]), register[1], register[2]
            if at == ZERO and view in "qd":
                at = ZERO_PAIR
            return (
                _signed(lambda w: getattr(w, view)[at], sign, absolute, view) if sign or absolute else _COLUMN[view](at)
            )
        if constant:
            words = self.constants[int(constant[2], 16)]
            at = int(constant[4] or "0", 16) // 4
            if constant[3]:
                base = column(constant[3])
                return _signed(lambda w: words[at + w.i[base] // 4].view(_VIEWS[view]), constant[1], "", view)
            value = words[at : at + (2 if view in "qd" else 1)].view(_VIEWS[view])[0]
            return _signed(lambda w: value, constant[1], "", view)
        number = immediate(text, view)
        return lambda w: number

    def truth(self, text: str) -> Reader:
        """A predicate."""
        found = _PREDICATE.match(text)
        if not found:
            raise Fault(f"no predicate: {text}")
        at = predicate(text)
        return (lambda w: ~w.p[at]) if found[1] else (lambda w: w.p[at])


def _u(at: int) -> Reader:
    return lambda w: w.u[at]


def _i(at: int) -> Reader:
    return lambda w: w.i[at]


def _f(at: int) -> Reader:
    return lambda w: w.f[at]


def _q(at: int) -> Reader:
    return lambda w: w.q[at]


def _d(at: int) -> Reader:
    return lambda w: w.d[at]


_COLUMN = {"u": _u, "i": _i, "f": _f, "q": _q, "d": _d}


def _signed(read: Reader, sign: str, absolute: str, view: str) -> Reader:
    if absolute:
        return (lambda w: -np.abs(read(w))) if sign else (lambda w: np.abs(read(w)))
    if sign == "-":
        return lambda w: np.negative(read(w))
    if sign == "~":
        return lambda w: np.invert(read(w))
    return read


def immediate(text: str, view: str) -> Any:
    """A number in the text, as the instruction sees it."""
    if view in "fd":
        return _VIEWS[view](_SPECIAL[text] if text in _SPECIAL else float(text))
    bits = 64 if view == "q" else 32
    if not re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", text):  # a float in an instruction on words
        return np.float32(_SPECIAL[text] if text in _SPECIAL else float(text)).view(_VIEWS[view])
    number = np.array(int(text, 0) & (1 << bits) - 1, dtype=np.uint64 if bits == 64 else np.uint32)
    return number.view(_VIEWS[view])[()]


def predicate(text: str) -> int:
    """The index of a predicate; its negation is the caller's."""
    found = _PREDICATE.match(text)
    if not found:
        raise Fault(f"no predicate: {text}")
    return TRUE if found[3] == "T" else int(found[3]) + UNIFORM_PREDICATE * bool(found[2])


def is_predicate(text: str) -> bool:
    """Whether an operand is a predicate."""
    return bool(_PREDICATE.match(text))


def writer(text: str, view: str = "u") -> Writer:
    """Writes a register in the lanes that execute; a uniform one in all."""
    at = column(text)
    if at == ZERO:
        at = NOWHERE
    if text.startswith("U"):

        def put_uniform(w: Warp, value: Value) -> None:
            getattr(w, view)[at][:] = value

        return put_uniform
    return _WRITER[view](at)


def _put_u(at: int) -> Writer:
    def put(w: Warp, value: Value) -> None:
        if w.whole:
            w.u[at][:] = value
        else:
            np.copyto(w.u[at], value, where=w.mask, casting="unsafe")

    return put


def _put_f(at: int) -> Writer:
    def put(w: Warp, value: Value) -> None:
        if w.whole:
            w.f[at][:] = value
        else:
            np.copyto(w.f[at], value, where=w.mask, casting="unsafe")

    return put


def _put_i(at: int) -> Writer:
    def put(w: Warp, value: Value) -> None:
        np.copyto(w.i[at], value, where=w.mask, casting="unsafe")

    return put


def _put_q(at: int) -> Writer:
    def put(w: Warp, value: Value) -> None:
        np.copyto(w.q[at], value, where=w.mask, casting="unsafe")

    return put


def _put_d(at: int) -> Writer:
    def put(w: Warp, value: Value) -> None:
        np.copyto(w.d[at], value, where=w.mask, casting="unsafe")

    return put


_WRITER = {"u": _put_u, "f": _put_f, "i": _put_i, "q": _put_q, "d": _put_d}


def truth_writer(text: str) -> Writer:
    """Writes a predicate."""
    at = predicate(text)
    if at == TRUE:
        at = NO_PREDICATE
    if text.startswith("U"):

        def put_uniform(w: Warp, value: Value) -> None:
            w.p[at][:] = value

        return put_uniform

    def put(w: Warp, value: Value) -> None:
        np.copyto(w.p[at], value, where=w.mask)

    return put


Operation = Callable[[Decoder, Instruction], Step]
OPERATIONS: dict[str, Operation] = {}


def operation(*opcodes: str) -> Callable[[Operation], Operation]:
    """Enters what executes these opcodes."""

    def enter(found: Operation) -> Operation:
        OPERATIONS.update(dict.fromkeys(opcodes, found))
        return found

    return enter


def decode(decoder: Decoder, instruction: Instruction) -> Step:
    """What executes an instruction, under its guard."""
    known = OPERATIONS.get(instruction.opcode)
    if known is None:
        raise Fault(f"not interpreted: {instruction}")
    try:
        step = known(decoder, instruction)
    except (KeyError, ValueError, IndexError) as error:
        raise Fault(f"not understood: {instruction}") from error
    if not instruction.guard or instruction.guard == "PT":
        return step
    if instruction.guard == "!PT":
        return lambda w: None
    return _guarded(step, instruction.guard)


def _guarded(step: Step, guard: str) -> Step:
    at, negated = predicate(guard), guard.startswith("!")

    def guarded(w: Warp) -> int | None:
        truth = w.p[at]
        mask, whole = w.mask, w.whole
        inner = mask & ~truth if negated else mask & truth
        if not inner.any():
            return None
        w.mask, w.whole = inner, False
        step(w)
        w.mask, w.whole = mask, whole
        return None

    return guarded


__all__ = [
    "STOP",
    "Decoder",
    "Lanes",
    "NDArray",
    "Reader",
    "Step",
    "Value",
    "Words",
    "Writer",
    "decode",
    "is_predicate",
    "operation",
    "truth_writer",
    "writer",
]
