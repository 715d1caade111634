"""What a case may take, in warp instructions a candidate: lowered as redesigns land, never raised."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """The most that the built library may take, and what is aimed at."""

    most: int
    aim: int | None = None

    def __str__(self) -> str:
        aim = "" if self.aim is None else f", {self.aim} aimed at"
        return f"at most {self.most}{aim}"


BUDGETS = {
    "headline": Budget(28_500, aim=24_000),
    "small": Budget(10_500, aim=8_500),
    "wide_randomized": Budget(443_000, aim=400_000),
    "wide_exact": Budget(1_015_000),
    "eigvalsh": Budget(38_900),
}
SPLIT = Budget(253_000)  # of the kernel that forms Gram matrices in parts, for what split.py counts
AGREEMENT = 0.1  # of the cost model with what is counted
