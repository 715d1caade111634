"""A plain DataLoader with chosen batches, and figures of the choice in TensorBoard: python examples/plain_loader.py"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saln import SpectralBatchSampler
from saln.integrations.tensorboard import SelectionLog

torch.manual_seed(0)
inputs = torch.randn(3000, 32)  # in earnest: images, texts ...
labels = (inputs @ torch.randn(32, 10)).argmax(dim=1)
features = inputs  # ... and what a reference network makes of them

sampler = SpectralBatchSampler(features, batch_size=32, labels=labels)  # keeps 32 of about 160 samples
loader = DataLoader(TensorDataset(inputs, labels), batch_sampler=sampler)
log = SelectionLog(sampler, "runs/plain_loader", every=10)

model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(5):
    for step, (batch, targets) in enumerate(loader):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), targets).backward()
        optimizer.step()
        log.update(epoch, step + 1)
log.close()
accuracy = (model(inputs).argmax(dim=1) == labels).double().mean().item()
print(f"accuracy {accuracy:.2f} after {5 * len(loader)} batches; tensorboard --logdir runs")
