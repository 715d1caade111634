"""Damaged files to every reader: right is a reading, or the package's own error in one line that names the file.

`python -m fuzz.read_files` runs for SALN_FUZZ_SECONDS, guided by coverage where atheris is installed, else at random.
What it finds is in build/fuzz, a file each; what was found so far is in tests/saln_datasets/test_found_by_fuzzing.py.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz import seeds
from fuzz.target import Target

FOUND = Path(__file__).parents[2] / "build" / "fuzz"
TOKENS = (
    b'"', b"\n", b",", b";", b"\0", b"\xff", b"{", b"[", b"]", b"}", b"\r", b"\t", b"NaN", b"-1", b"null", b"1e999",
    b"(-1,)", b"'|O'", b"9223372036854775808", b"../", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x93NUMPY",
)  # fmt: skip


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Bytes changed, put in, taken out, repeated or cut off."""
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        place, how = chance.randrange(len(found) + 1), chance.random()
        if how < 0.4 and place < len(found):
            flipped = found[place] ^ (1 << chance.randrange(8))
            found[place] = chance.choice([0, 255, 127, 128, flipped, chance.randrange(256)])
        elif how < 0.6:
            found[place:place] = chance.choice(TOKENS)
        elif how < 0.75:
            del found[place : place + chance.randrange(1, 9)]
        elif how < 0.85:
            start = chance.randrange(len(found) + 1)
            found[place:place] = found[start : start + chance.randrange(1, 64)]
        elif how < 0.93 and len(found) >= place + 8:
            found[place : place + 8] = chance.choice([0, 1, 255, 1 << 31, 1 << 62, (1 << 64) - 1]).to_bytes(8, "little")
        else:
            del found[place:]
    return bytes(found)


def at_random(target: Target, seconds: float, seed: int, n: int | None = None) -> tuple[int, dict[str, bytes]]:
    """How many contents were read, and the first of each kind that was read wrongly."""
    chance, began, count = random.Random(f"{target.name} {seed}"), time.monotonic(), 0
    faults: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        while (n is None or count < n) and time.monotonic() - began < seconds:
            content = mutated(chance.choice(target.seeds), chance)
            (Path(folder) / "last").write_bytes(content)  # of what ends the program
            why = target.fault(content, Path(folder))
            if why is not None:
                faults.setdefault("\n".join(why.splitlines()[-3:]), content)
            count += 1
    return count, faults


def keep(target: Target, why: str, content: bytes) -> Path:
    """Write down what was found."""
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{target.name}-{abs(hash(content)):x}{target.suffix}"
    path.write_bytes(content)
    print(f"{path}\n{why}\n", flush=True)
    return path


def main(names: list[str]) -> int:
    """Every target in turn, or those that are named; status 1 where something was found."""
    targets = {each.name: each for each in seeds.targets()}
    chosen = [targets[name] for name in names or targets]
    share, status = float(os.environ.get("SALN_FUZZ_SECONDS", "300")) / len(chosen), 0
    for target in chosen:
        if importlib.util.find_spec("atheris"):  # a process each: libFuzzer ends it when it is through
            status |= subprocess.run([sys.executable, "-m", "fuzz.guided", target.name, str(share)]).returncode != 0
            continue
        count, faults = at_random(target, share, seed=random.randrange(1 << 32))
        print(f"{target.name}: {count} files, {len(faults)} kinds of faults", flush=True)
        for why, content in faults.items():
            keep(target, why, content)
        status |= bool(faults)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
