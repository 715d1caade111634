"""torchdata's StatefulDataLoader, stopped in mid-epoch and gone on with: python examples/stateful_loader.py

Run it twice: the first run stops after 40 batches, the second trains on the rest.
"""

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import saln

CHECKPOINT = Path("stateful_loader.pt")
digits = load_digits()
inputs, labels = torch.from_numpy(digits.data / 16).float(), torch.from_numpy(digits.target)
loader = StatefulDataLoader(TensorDataset(inputs, labels), batch_size=32, shuffle=True)
loader = saln.select_data(loader, features=inputs)
model = nn.Linear(64, 10)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

stop_after = 40
if CHECKPOINT.exists():
    checkpoint = torch.load(CHECKPOINT)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    loader.load_state_dict(checkpoint["loader"])
    stop_after = len(loader)

for n_trained, (batch, targets) in enumerate(loader, start=1):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(batch), targets).backward()
    optimizer.step()
    if n_trained == stop_after:
        parts = {"model": model, "optimizer": optimizer, "loader": loader}
        torch.save({name: part.state_dict() for name, part in parts.items()}, CHECKPOINT)
        break
print(f"trained on {n_trained} of {len(loader)} batches")
