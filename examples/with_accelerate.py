"""accelerate, with checkpoints in mid-epoch: torchrun --standalone --nproc-per-node 2 examples/with_accelerate.py

Run it twice: the second run goes on where the first one stopped.
"""

from pathlib import Path

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saln.integrations.accelerate import select_data

FOLDER = Path("with_accelerate")
accelerator = Accelerator(cpu=not torch.cuda.is_available())  # without cpu=True it would start one process there
digits = load_digits()
inputs, labels = torch.from_numpy(digits.data / 16).float(), torch.from_numpy(digits.target)
loader = DataLoader(TensorDataset(inputs, labels), batch_size=32, shuffle=True)
model = nn.Linear(64, 10)

model, optimizer = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=1e-2))
loader = select_data(accelerator, loader, features=inputs)  # in place of accelerator.prepare
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
accelerator.end_training()  # ends the process group: a process that leaves with it may be aborted
