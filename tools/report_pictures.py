"""Pictures of the reports for docs/gallery.md: `python -m tools.report_pictures docs/gallery`, with Chromium on PATH.

The first screens of `saln look` and `saln pilot`, of scikit-learn's digits, some of whose labels are made wrong. Times
are this machine's, so that a picture is never the same twice, and no test draws it again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

WIDTH, HEIGHT = 860, 1000
COLOURS = 64
REPORTS = {
    "look": ("look", "digits.npz", "--features", "features.npy", "-o", "look.html"),
    "look.ja": ("look", "digits.npz", "--features", "features.npy", "-o", "look.ja.html", "--lang", "ja"),
    "pilot": ("pilot", "--methods", "uniform,auto", "--label-noise", "0.3", "--duplicates", "0.6", "-o", "pilot.html"),
}


def digits(folder: Path) -> None:
    """Digits, one of twenty with another digit's label, and their pixels as features."""
    data, source = load_digits(), np.random.default_rng(0)
    labels = data.target.copy()
    wrong = source.choice(len(labels), len(labels) // 20, replace=False)
    labels[wrong] = (labels[wrong] + source.integers(1, 10, len(wrong))) % 10
    np.save(folder / "features.npy", data.data.astype(np.float32))
    np.savez(folder / "digits.npz", images=(data.images * 15).astype(np.uint8), labels=labels)


def photograph(page: Path, picture: Path, browser: str) -> None:
    """The first screen of a page, in few colours."""
    size = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}"]
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *size, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)
    with Image.open(picture) as seen:
        few = seen.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def write(folder: Path) -> list[Path]:
    """Make the reports, and their pictures into a folder; returns what was written."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium and no google-chrome on PATH: install one of them")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory() as work:
        digits(Path(work))
        for name, arguments in REPORTS.items():
            done = subprocess.run([sys.executable, "-m", "saln", *arguments], cwd=work, check=False)
            if done.returncode not in (0, 1, 3):  # gates failed or undecided
                raise SystemExit(done.returncode)
            photograph(Path(work) / f"{name}.html", folder.absolute() / f"{name}.png", browser)
            written.append(folder / f"{name}.png")
    return written


if __name__ == "__main__":
    for each in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/gallery")):
        print(each)
