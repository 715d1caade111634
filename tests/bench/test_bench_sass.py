"""The interpreter of machine code, on code written here: control flow, arithmetic, memory, and how text is read."""

import numpy as np
import pytest

from bench.gpu.sass import block
from bench.gpu.sass.code import Code, Instruction, parsed
from bench.gpu.sass.phases import GRAM, SOLVE, VALUES, kind_of, phase_of
from bench.gpu.sass.warp import Fault, Memory

KERNEL = "kernel"


def assembled(text: str) -> Code:
    """A kernel of one instruction a line, labels on lines of their own."""
    lines, at = [f".text.{KERNEL}:"], 0
    for line in filter(str.strip, text.splitlines()):
        if line.strip().endswith(":"):
            lines.append(line.strip())
            continue
        lines.append(f"        /*{at:04x}*/                   {line.strip()} ;")
        at += 16
    return Code(KERNEL, tuple(parsed("\n".join(lines), KERNEL, at // 16)), b"")


def run(text: str, threads: int = 32, arguments: bytes = b"") -> tuple[list[int], np.ndarray]:
    """How often each instruction is issued, and the words of shared memory behind what the system keeps."""
    memory = Memory(block.SHARED_START + 4 * 256)
    counts = block.run(assembled(text), arguments, threads, memory)
    return counts, memory.shared[4][block.SHARED_START // 4 :].copy()


STORE = """
SHF.L.U32 R9, R0, 0x2, RZ
STS [R9+0x400], R1
EXIT
"""


def test_loop_is_counted() -> None:
    counts, words = run(f"""
S2R R0, SR_TID.X
MOV R1, RZ
.L_0:
IADD3 R1, R1, 0x3, RZ
ISETP.GE.AND P0, PT, R1, 0x15, PT
@!P0 BRA `(.L_0)
{STORE}""")
    assert counts == [1, 1, 7, 7, 7, 1, 1, 1]
    assert (words[:32] == 21).all()


def test_blocks_have_numbers_and_constants_bytes() -> None:
    """Of the second block, with the second byte of its arguments."""
    memory = Memory(block.SHARED_START + 4 * 256)
    code = assembled(f"""
S2R R0, SR_TID.X
S2R R2, SR_CTAID.X
LDC.U8 R1, c[0x0][0x211]
IADD3 R1, R1, R2, RZ
{STORE}""")
    block.run(code, bytes([3, 5, 7, 9]), 32, memory, rank=1)
    assert (memory.shared[4][block.SHARED_START // 4 :][:32] == 6).all()


def test_both_sides_of_a_branch_are_issued_and_meet() -> None:
    counts, words = run(f"""
S2R R0, SR_TID.X
BSSY B0, `(.L_2)
ISETP.LT.AND P0, PT, R0, 0x5, PT
@P0 BRA `(.L_1)
MOV R1, 0x7
BRA `(.L_3)
.L_1:
MOV R1, 0x9
.L_3:
BSYNC B0
.L_2:
{STORE}""")
    assert counts == [1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
    assert words[:32].tolist() == [9] * 5 + [7] * 27


def test_lanes_leave_a_loop_one_by_one() -> None:
    counts, words = run(f"""
S2R R0, SR_TID.X
MOV R1, RZ
BSSY B0, `(.L_1)
.L_0:
IADD3 R1, R1, 0x1, RZ
ISETP.GT.AND P0, PT, R1, R0, PT
@P0 BREAK B0
@P0 BRA `(.L_1)
BRA `(.L_0)
.L_1:
WARPSYNC.ALL
{STORE}""")
    assert counts[3] == 32
    assert counts[8:] == [32, 1, 1, 1]
    assert words[:32].tolist() == list(range(1, 33))


def test_warps_wait_for_each_other() -> None:
    _, words = run(
        f"""
S2R R0, SR_TID.X
SHF.L.U32 R2, R0, 0x2, RZ
STS [R2+0x400], R0
BAR.SYNC.DEFER_BLOCKING 0x0
LOP3.LUT R3, R2, 0xfc, RZ, 0x3c, !PT
LDS R1, [R3+0x400]
BAR.SYNC.DEFER_BLOCKING 0x0
{STORE}""",
        64,
    )
    assert words[:64].tolist() == list(range(63, -1, -1))


def test_lanes_that_never_come() -> None:
    with pytest.raises(Fault, match="never come"):
        run("""
S2R R0, SR_TID.X
ISETP.LT.AND P0, PT, R0, 0x5, PT
@P0 BRA `(.L_1)
WARPSYNC.ALL
.L_1:
BAR.SYNC.DEFER_BLOCKING 0x0
EXIT""")


def test_a_function_comes_back() -> None:
    counts, words = run(f"""
S2R R0, SR_TID.X
MOV R4, 0x30
CALL.REL.NOINC `($kernel$twice)
{STORE}
$kernel$twice:
IMAD.SHL.U32 R1, R0, 0x2, RZ
RET.REL.NODEC R4 `(kernel)""")
    assert counts == [1] * 8
    assert words[:32].tolist() == list(range(0, 64, 2))


@pytest.mark.parametrize(
    ("instruction", "value"),
    [
        ("IADD3 R1, R2, -R3, RZ", (5 - 3) % 2**32),
        ("IMAD R1, R2, R3, 0x7", 22),
        ("IMAD.HI.U32 R1, R8, 0x10, RZ", 15),
        ("LEA R1, R2, R3, 0x4", 83),
        ("LEA.HI R1, R8, R3, RZ, 0x4", 18),
        ("LEA.HI.SX32 R1, R8, R3, 0x1f", (3 - 8) % 2**32),
        ("SHF.R.S32.HI R1, RZ, 0x1f, R8", 2**32 - 1),
        ("SHF.R.U64 R1, R2, 0x1, R3", (5 | 3 << 32) >> 1 & 0xFFFFFFFF),
        ("SHF.L.U64.HI R1, R8, 0x4, R3", 63),
        ("LOP3.LUT R1, R2, R3, RZ, 0x3c, !PT", 6),
        ("PRMT R1, R2, 0x3210, R3", 5),
        ("PRMT R1, R2, 0x0040, R3", 5 | 3 << 8 | 5 << 16 | 5 << 24),
        ("VIMNMX R1, R8, R3, PT", 2**32 - 16),
        ("VIMNMX.U32 R1, R8, R3, PT", 3),
        ("VIADDMNMX R1, R2, -R3, RZ, !PT", 2),
        ("SEL R1, R2, R3, !PT", 3),
        ("POPC R1, R2", 2),
        ("I2FP.F32.S32 R1, R8", int(np.float32(-16).view(np.uint32))),
        ("F2I.TRUNC.NTZ R1, R7", 2),
        ("FFMA R1, R7, R7, -1", int(np.float32(5.25).view(np.uint32))),
        ("FMNMX R1, R7, RZ, !PT", int(np.float32(2.5).view(np.uint32))),
        ("MUFU.RCP R1, R7", int(np.float32(0.4).view(np.uint32))),
        ("FSET.BF.GT.AND R1, R7, RZ, PT", int(np.float32(1).view(np.uint32))),
        ("VOTE.ANY R1, PT, !PT", 0),
    ],
)
def test_instruction(instruction: str, value: int) -> None:
    """R2 = 5, R3 = 3, R8 = −16, R7 = 2.5."""
    _, words = run(f"""
S2R R0, SR_TID.X
MOV R2, 0x5
MOV R3, 0x3
MOV R8, 0xfffffff0
MOV R7, 0x40200000
{instruction}
{STORE}""")
    assert words[0] == value


def test_carries_of_differences() -> None:
    """Of x − y in 64 bits, where the lower half of y is zero: no borrow."""
    _, words = run(f"""
S2R R0, SR_TID.X
MOV R2, 0x5
IADD3 R1, P0, R2, -RZ, RZ
IADD3.X R1, R2, ~RZ, RZ, P0, !PT
{STORE}""")
    assert words[0] == 5


def test_shuffle_reaches_other_lanes() -> None:
    _, words = run(f"S2R R0, SR_TID.X\nSHFL.BFLY PT, R1, R0, 0x4, 0x1f\n{STORE}")
    assert words[:32].tolist() == [lane ^ 4 for lane in range(32)]


def test_matrix_product() -> None:
    """Of ones in bfloat16: 16 everywhere."""
    _, words = run(f"""
S2R R0, SR_TID.X
MOV R4, 0x3f803f80
MOV R5, R4
MOV R6, R4
MOV R7, R4
HMMA.16816.F32.BF16 R12, R4, R6, RZ
MOV R1, R14
{STORE}""")
    assert (words[:32].view(np.float32) == 16).all()


def test_faults_say_where() -> None:
    with pytest.raises(Fault, match=r"not interpreted.*at 0x10 in kernel: FROB R1"):
        run("MOV R1, RZ\nFROB R1, R2\nEXIT")
    with pytest.raises(Fault, match="no multiple of 4"):
        run("MOV R1, 0x402\nLDS R2, [R1]\nEXIT")
    with pytest.raises(Fault, match="outside"):
        run("MOV R1, 0x400000\nLDS R2, [R1]\nEXIT")


def test_what_an_instruction_is_counted_as() -> None:
    def made(opcode: str, function: str, file: str = "") -> Instruction:
        places = ((f"/src/csrc/{file}", 1),) if file else ()
        return Instruction("", *((parts := opcode.split("."))[0], tuple(parts[1:])), (), function, places)

    assert kind_of(made("IMAD.MOV.U32", "kernel")) == "MOV"
    assert kind_of(made("FFMA", "kernel")) == "FP32"
    assert phase_of(made("FFMA", "kernel")) == SOLVE
    assert phase_of(made("FFMA", "_ZN4partILNS0_4PartE0EEEbv")) == GRAM
    assert phase_of(made("FFMA", "_ZN4partILNS0_4PartE1EEEbv", "cuda/gram/gram.cuh")) == GRAM
    assert phase_of(made("FFMA", "_ZN4partILNS0_4PartE4EEEbv", "linalg/sturm.h")) == VALUES
