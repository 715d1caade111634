"""Lightning, a data module, and a checkpoint in mid-epoch: python examples/with_lightning.py"""

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from saln.integrations.lightning import select_data

digits = load_digits()
inputs, labels = torch.from_numpy(digits.data / 16).float(), torch.from_numpy(digits.target)


class Data(LightningDataModule):
    def train_dataloader(self):
        return DataLoader(TensorDataset(inputs, labels), batch_size=32, shuffle=True)


class Classifier(LightningModule):
    def __init__(self):
        super().__init__()
        self.model = nn.Linear(64, 10)

    def training_step(self, batch):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def fitted(max_steps, checkpoint=None):
    trainer = Trainer(max_steps=max_steps, max_epochs=-1, use_distributed_sampler=False, logger=False)
    trainer.fit(Classifier(), select_data(trainer, Data(), features=inputs), ckpt_path=checkpoint)
    return trainer


first = fitted(80)  # an epoch has 57 batches
first.save_checkpoint("with_lightning.ckpt")
second = fitted(114, "with_lightning.ckpt")
print(f"trained on {second.global_step} batches, {second.global_step - first.global_step} of them after the resume")
