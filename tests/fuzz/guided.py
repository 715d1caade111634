"""One target, guided by coverage: mutations that reach new lines of the readers are mutated further.

`python -m fuzz.guided NAME SECONDS` ends at the first fault, else when the time is over.
"""

import sys
import tempfile
from pathlib import Path


def main(name: str, seconds: float) -> None:
    """Does not return."""
    import atheris  # not wanted where this is only looked at for doctests
    import torch  # noqa: F401 - too large to count lines of

    with atheris.instrument_imports(include=["saln", "zipfile", "json", "csv", "PIL", "numpy.lib"]):
        from fuzz import seeds
        from fuzz.read_files import FOUND, keep

    target = next(each for each in seeds.targets() if each.name == name)
    corpus = FOUND / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(content)
    folder = Path(tempfile.mkdtemp())

    def one(content: bytes) -> None:
        why = target.fault(content, folder)
        if why is not None:
            keep(target, why, content)
            raise AssertionError(why)

    limits = [f"-max_total_time={max(1, round(seconds))}", "-timeout=20", "-rss_limit_mb=4096", "-max_len=20000"]
    told = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{name}-"]
    atheris.Setup([sys.argv[0], *limits, *told, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
