"""saln.extract with models of timm, which the Makefile installs apart, with random weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

APART = Path(sys.prefix) / "timm"
PROGRAM = """
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

try:
    import torchvision
except RuntimeError:  # one for GPUs beside a torch for CPUs; its operators are not called
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
import timm

import saln

out = Path(sys.argv[1]) / "x.npy"
pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 50, 3), dtype=np.uint8)
pictures = [(Image.fromarray(each), 0) for each in pixels]
torch.manual_seed(0)
model = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
with torch.no_grad():
    want = model(torch.stack([transform(picture) for picture, _ in pictures]))
found = saln.extract(model, pictures, out, progress=False)
assert found.width == 512, found
torch.testing.assert_close(found.tensor(), want)
torch.manual_seed(0)
named = saln.extract("timm:resnet10t", pictures, out, pretrained=False, progress=False)
assert named.seconds == found.seconds, "the same weights were taken for others"
layer = saln.extract("timm:resnet10t", pictures, out, layer="layer2", pretrained=False, progress=False)
assert layer.width == 128, layer
try:
    saln.extract("timm:no_such_model", pictures, out, progress=False)
except ValueError as error:
    assert str(error).startswith("model is 'timm:no_such_model': Unknown model"), error
else:
    raise AssertionError("there is no such model")
print("done")
"""


def test_models_of_timm(tmp_path: Path) -> None:
    path = os.pathsep.join([str(APART), os.environ.get("PYTHONPATH", ""), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.stdout == "done\n", done.stderr
