"""Lightning, a data module, and a checkpoint in mid-epoch: python examples/with_lightning.py"""

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import nn
from torch.utils.data import TensorDataset

from saln import SpectralBatchSampler
from saln.integrations.lightning import SpectralDataModule, SpectralSelection

inputs = torch.randn(3000, 32)  # in earnest with features of a reference network


class Data(SpectralDataModule, LightningDataModule):
    train_dataset = TensorDataset(inputs, inputs[:, :10].argmax(dim=1))

    def make_batch_sampler(self):
        return SpectralBatchSampler(inputs, batch_size=32, labels=self.train_dataset.tensors[1])


class Classifier(LightningModule):
    def __init__(self):
        super().__init__()
        self.model = nn.Linear(32, 10)

    def training_step(self, batch):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def trainer(max_steps):
    return Trainer(max_steps=max_steps, callbacks=[SpectralSelection()], use_distributed_sampler=False, logger=False)


(first := trainer(120)).fit(Classifier(), datamodule=Data())  # an epoch has 94 batches
first.save_checkpoint("with_lightning.ckpt")
(second := trainer(188)).fit(Classifier(), datamodule=Data(), ckpt_path="with_lightning.ckpt")
print(f"trained on {second.global_step} batches, {second.global_step - first.global_step} of them after the resume")
