"""accelerate, with checkpoints in mid-epoch: torchrun --standalone --nproc-per-node 2 examples/with_accelerate.py

Run it twice: the second run goes on where the first one stopped.
"""

from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saln import SpectralBatchSampler
from saln.integrations.accelerate import prepare_loader

FOLDER = Path("with_accelerate")
accelerator = Accelerator()
inputs = torch.randn(3000, 32, generator=torch.Generator().manual_seed(0))
labels = inputs[:, :10].argmax(dim=1)
sampler = SpectralBatchSampler(inputs, batch_size=32, labels=labels)
loader = DataLoader(TensorDataset(inputs, labels), batch_sampler=sampler)
model = nn.Linear(32, 10)

model, optimizer = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=1e-2))
loader = prepare_loader(accelerator, loader)  # in place of accelerator.prepare
resumed = FOLDER.exists()
if resumed:
    accelerator.load_state(FOLDER)  # with the place in the epoch: there is nothing to skip

n_trained = 0
for batch, targets in loader:
    accelerator.backward(nn.functional.cross_entropy(model(batch), targets))
    optimizer.step()
    optimizer.zero_grad()
    n_trained += 1
    if n_trained == 20 and not resumed:
        accelerator.save_state(FOLDER)
        break
accelerator.print(f"trained on {n_trained} of {len(loader)} batches, {accelerator.num_processes} processes")
