"""DistributedDataParallel, each rank with its own batches: torchrun --standalone --nproc-per-node 2 examples/ddp.py"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from saln import SpectralBatchSampler

dist.init_process_group("gloo")
inputs = torch.randn(3000, 32, generator=torch.Generator().manual_seed(0))
labels = inputs[:, :10].argmax(dim=1)
sampler = SpectralBatchSampler(inputs, batch_size=32, labels=labels)  # no DistributedSampler: it knows its rank
loader = DataLoader(TensorDataset(inputs, labels), batch_sampler=sampler)

torch.manual_seed(0)
model = DistributedDataParallel(nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    for batch, targets in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), targets).backward()
        optimizer.step()

if dist.get_rank() == 0:
    print(f"{dist.get_world_size()} ranks, {len(loader)} of {sampler.n_batches} batches per epoch each")
dist.destroy_process_group()
