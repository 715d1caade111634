"""Which part of a candidate's work an instruction belongs to, and which kind it is."""

from dataclasses import dataclass, field

from bench.gpu.sass.code import Code, Instruction

GRAM, TRANSFORMS, SOLVE, VALUES = "gather, Gram", "transforms, moments", "reduction, Lanczos", "values, results"
PHASES = (GRAM, TRANSFORMS, SOLVE, VALUES)  # as csrc/cuda/plan/instructions.h has them
# By the kernel's function, numbered as `Part` of parts.cuh; the kernel itself reduces, or iterates.
PARTS = {"0": GRAM, "1": TRANSFORMS, "2": TRANSFORMS, "3": SOLVE, "4": SOLVE, "5": VALUES}
# But where line tables say that an instruction is from one of these. What its function was inlined into they say too,
# and too often wrongly.
FILES = {
    "cuda/solve/tridiagonal.cuh": VALUES,
    "linalg/sturm.h": VALUES,
    "linalg/inverse_iteration.h": VALUES,
    "cuda/gram/gram.cuh": GRAM,
    "cuda/gram/products.cuh": GRAM,
    "cuda/gram/selection.cuh": GRAM,
}

KINDS = {
    "FP32": ("FADD", "FMUL", "FFMA", "FSEL", "FSETP", "FMNMX", "FSET", "FCHK"),
    "HMMA": ("HMMA", "LDSM"),
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


def phase_of(i: Instruction) -> str:
    """The part of the work."""
    part = i.function.partition("4PartE")[2][:1]
    default = PARTS.get(part, SOLVE)
    return FILES.get(i.places[0][0].partition("csrc/")[2], default) if i.places else default


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
