"""The Hugging Face Trainer, and a checkpoint in mid-epoch: python examples/with_transformers.py"""

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from saln import SpectralBatchSampler
from saln.integrations.transformers import SpectralTrainerMixin

inputs = torch.randn(3000, 32, generator=torch.Generator().manual_seed(0))
labels = inputs[:, :10].argmax(dim=1)
dataset = [{"inputs": row, "labels": label} for row, label in zip(inputs, labels.tolist(), strict=True)]


class Classifier(nn.Linear):
    def forward(self, inputs, labels):
        logits = super().forward(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class SpectralTrainer(SpectralTrainerMixin, Trainer):
    pass


def trainer(max_steps):
    arguments = TrainingArguments(
        "with_transformers", per_device_train_batch_size=32, max_steps=max_steps, save_steps=120, report_to=[]
    )
    sampler = SpectralBatchSampler(inputs, batch_size=32, labels=labels)
    return SpectralTrainer(Classifier(32, 10), arguments, train_dataset=dataset, batch_sampler=sampler)


trainer(120).train()  # an epoch has 94 batches
second = trainer(188)
second.train(resume_from_checkpoint=True)
print(f"trained on {second.state.global_step} batches, {second.state.epoch:.0f} epochs")
