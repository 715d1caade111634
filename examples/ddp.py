"""DistributedDataParallel, each rank with its own batches: torchrun --standalone --nproc-per-node 2 examples/ddp.py"""

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

import saln

dist.init_process_group("gloo")
digits = load_digits()
inputs, labels = torch.from_numpy(digits.data / 16).float(), torch.from_numpy(digits.target)
loader = DataLoader(TensorDataset(inputs, labels), batch_size=32, shuffle=True)
loader = saln.select_data(loader, features=inputs)  # no DistributedSampler: it knows its rank

torch.manual_seed(0)
model = DistributedDataParallel(nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    for batch, targets in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), targets).backward()
        optimizer.step()

if dist.get_rank() == 0:
    n_batches = loader.batch_sampler.n_batches
    print(f"{dist.get_world_size()} ranks, {len(loader)} of {n_batches} batches per epoch each")
dist.destroy_process_group()
