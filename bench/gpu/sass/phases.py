"""Which part of a candidate's work an instruction belongs to, and which kind it is."""

import re
from dataclasses import dataclass, field
from functools import cache

from bench.gpu.sass.code import Code, Instruction
from bench.machine import ROOT

GRAM, TRANSFORMS, SOLVE, VALUES = "gather, Gram", "transforms, moments", "reduction, Lanczos", "values, results"
PHASES = (GRAM, TRANSFORMS, SOLVE, VALUES)  # as csrc/cuda/plan/instructions.h has them
# By the part of a candidate's work (`Part` of parts.cuh) that a function is; the kernel itself reduces, or iterates.
PARTS = {
    "gather": GRAM,
    "gather_parts": GRAM,
    "prepare": TRANSFORMS,
    "prepare_columns": TRANSFORMS,
    "transform": TRANSFORMS,
    "write": VALUES,
    "vectors": VALUES,
}
# But where line tables say that an instruction is from one of these files; of several the first, and "" leaves it to
# the function. What that was inlined into they say too, and too often wrongly.
FILES = {
    "cuda/solve/tridiagonal.cuh": VALUES,
    "cuda/solve/multisection.cuh": VALUES,
    "linalg/sturm.h": VALUES,
    "linalg/inverse_iteration.h": VALUES,
    "cuda/gram/transform.cuh": "",
    "cuda/gram/build.cuh": "",
    "cuda/gram/spread_matrix.cuh": "",
    "cuda/gram/": GRAM,
    "cuda/machine/warpgroup.cuh": GRAM,
}

KINDS = {
    "FP32": ("FADD", "FMUL", "FFMA", "FSEL", "FSETP", "FMNMX", "FSET", "FCHK"),
    "HMMA": ("HMMA", "HGMMA", "LDSM"),
    "shared": ("LDS", "STS"),
    "copies": ("LDGSTS", "LDGDEPBAR", "DEPBAR"),
    "MOV": ("MOV", "UMOV", "CS2R"),
    "integer": (
        "IADD3",
        "VIADD",
        "IMAD",
        "LEA",
        "SHF",
        "LOP3",
        "ISETP",
        "SEL",
        "VIMNMX",
        "PRMT",
        "UIADD3",
        "ULEA",
        "USHF",
    ),
    "shuffle": ("SHFL",),
    "branch": ("BRA", "BSSY", "BSYNC", "BAR", "WARPSYNC", "BREAK", "CALL", "RET", "EXIT", "BRX", "NOP"),
}
OTHER = "other"
_KIND_OF = {opcode: kind for kind, opcodes in KINDS.items() for opcode in opcodes}


def kind_of(i: Instruction) -> str:
    """What an instruction is for; a multiply-add that only moves is a move."""
    if i.opcode == "IMAD" and i.modifiers[:1] == ("MOV",):
        return "MOV"
    return _KIND_OF.get(i.opcode, OTHER)


_PART = re.compile(r"4PartE(\d+)E")


@cache
def parts() -> list[str]:
    """The names of `Part`, in their order."""
    found = re.search(r"enum class Part \{(.*?)\}", (ROOT / "csrc/cuda/kernels/parts.cuh").read_text(), re.DOTALL)
    if not found:
        raise LookupError("csrc/cuda/kernels/parts.cuh has no Part")
    return [name.strip() for name in found[1].split(",")]


def phase_of(i: Instruction) -> str:
    """The part of the work."""
    if i.places:
        file = i.places[0][0].partition("csrc/")[2]
        phase = next((phase for name, phase in FILES.items() if file.startswith(name)), "")
        if phase:
            return phase
    number = _PART.search(i.function)
    return PARTS.get(parts()[int(number[1])], SOLVE) if number else SOLVE


@dataclass
class Share:
    """Warp instructions a candidate, in all and by kind."""

    total: float = 0
    kinds: dict[str, float] = field(default_factory=dict)


def shares(code: Code, counts: list[int], candidates: int) -> dict[str, Share]:
    """What each phase takes."""
    found = {phase: Share() for phase in PHASES}
    for instruction, count in zip(code.instructions, counts, strict=True):
        if count:
            share, kind = found[phase_of(instruction)], kind_of(instruction)
            share.total += count / candidates
            share.kinds[kind] = share.kinds.get(kind, 0) + count / candidates
    return found
