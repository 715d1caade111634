"""The host shim itself: primitives as PTX defines them, and planted faults, each of which must be caught."""

import pytest

from cuda_on_cpu.build import HERE, SANITIZERS, on_cpu
from programs import Source, run

PRIMITIVES = (
    *("ranks", "shared_memory", "barriers", "shuffles", "copies", "blocks", "fragments", "blocks_make_operands"),
    *("arithmetic", "conversions"),
)
# What is said of a fault under AddressSanitizer (None: nothing is noticed there), and under ThreadSanitizer.
FAULTS = {
    "overrun": ("heap-buffer-overflow", None),
    "underrun": ("use-after-poison", None),
    "global_overrun": ("heap-buffer-overflow", None),
    "read_before_wait": ("use-after-poison", None),
    "never_waited": ("returned with asynchronous copies under way",) * 2,
    "misaligned_shared": ("copy_async: shared: address 4 bytes off a multiple of 16",) * 2,
    "misaligned_global": ("copy_async: global: address 8 bytes off a multiple of 16",) * 2,
    "misaligned_blocks": ("load_blocks: address 8 bytes off a multiple of 16",) * 2,
    "misaligned_four": ("load_four: address 4 bytes off a multiple of 16",) * 2,
    "misaligned_four_here": ("load_four_here: address 4 bytes off a multiple of 16",) * 2,
    "not_shared": ("of shared memory, which has 512",) * 2,
    "four_not_shared": ("load_four_here: 16 bytes at",) * 2,
    "not_tf32": ("multiply_tf32: 3f800001 has bits that the matrix unit does not see",) * 2,
    "lane_returns": ("thread 7: returned, while threads of the same warp wait at sync_warp",) * 2,
    "warp_returns": ("thread 32: returned, while other warps wait at a block barrier",) * 2,
    "lane_elsewhere": ("sync_warp, while threads of the same warp wait at sync_block",) * 2,
    "same_kind_elsewhere": ("sync_warp, while threads of the same warp wait at another",) * 2,
    "race_in_block": (None, "data race"),
    "race_in_warp": (None, "data race"),
    "race_of_reuse": (None, "data race"),
    "race_of_copy": (None, "data race"),
    "race_between_blocks": (None, "data race"),
}


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_primitives(sanitizer: str) -> None:
    primitives = on_cpu("primitives", [Source(HERE / "primitives.cpp")], sanitizer)
    for name in PRIMITIVES:
        done = run(primitives, name)
        assert done.returncode == 0, (name, (done.stdout + done.stderr).decode())


@pytest.mark.parametrize(
    ("sanitizer", "name", "said"),
    [(s, name, said) for name, pair in FAULTS.items() for s, said in zip(SANITIZERS, pair, strict=True) if said],
)
def test_fault_is_caught(sanitizer: str, name: str, said: str) -> None:
    done = run(on_cpu("faults", [Source(HERE / "faults.cpp")], sanitizer), name)
    assert done.returncode != 0
    assert said in done.stderr.decode(), done.stderr.decode()
