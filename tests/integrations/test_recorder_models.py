"""The recorder on classifiers of transformers, and in the loops of accelerate, Lightning and the Trainer."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from recorder_cases import BATCH_SIZE, N_ROWS, Classifier, problem, sampler_of
from saln import SpectralBatchSampler

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 40,
    "num_labels": 3,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}


def check(sampler: SpectralBatchSampler, expected: dict[int, float]) -> None:
    kept = sampler.recorder.values("losses")
    assert kept.isfinite().nonzero().squeeze(1).tolist() == sorted(expected)
    assert {row: kept[row].item() for row in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["Bert", "Roberta", "DistilBert", "Electra", "Albert"])
def test_text_classifiers(name):
    import transformers

    model = getattr(transformers, f"{name}ForSequenceClassification")(getattr(transformers, f"{name}Config")(**TINY))
    sampler = sampler_of("gradient_logdet", activations=True)
    tokens, labels = torch.randint(1, 40, (N_ROWS, 7)), problem()[1]
    expected = {}
    for batch in list(sampler)[:3]:
        with sampler.recorder(model):
            output = model(input_ids=tokens[batch], labels=labels[batch])
        output.loss.backward()
        losses = F.cross_entropy(output.logits, labels[batch], reduction="none")
        expected |= dict(zip(batch, losses.tolist(), strict=True))
    check(sampler, expected)
    assert sampler.recorder.values("activations").shape == (N_ROWS, 16)


def test_logits_of_every_token_are_refused():
    import transformers

    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=40, num_labels=3, pad_token_id=0)
    model = transformers.GPT2ForSequenceClassification(config)
    sampler = sampler_of("jest")
    next(iter(sampler))
    tokens = torch.randint(1, 40, (BATCH_SIZE, 7))
    with (
        pytest.raises(ValueError, match=r"the head gave logits \[8, 7, 3\], want .*recorder.record"),
        sampler.recorder(model),
    ):
        model(input_ids=tokens)


def test_accelerate_looks_a_batch_ahead():
    from accelerate import Accelerator

    from saln.integrations.accelerate import prepare_loader

    sampler = sampler_of("jest")
    accelerator = Accelerator(cpu=True)
    model = Classifier()
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
    loader = DataLoader(TensorDataset(*problem(), torch.arange(N_ROWS)), batch_sampler=sampler)
    loader = prepare_loader(accelerator, loader)
    expected = {}
    for _ in range(2):
        for x, y, rows in loader:
            with sampler.recorder(model):
                logits = model(x)
            losses = F.cross_entropy(logits, y, reduction="none")
            expected |= dict(zip(rows.tolist(), losses.tolist(), strict=True))
            accelerator.backward(losses.mean())
            optimizer.step()
            optimizer.zero_grad()
    check(sampler, expected)


def test_lightning_in_the_training_step(tmp_path):
    from lightning.pytorch import LightningModule, Trainer

    from saln.integrations.lightning import SpectralSelection

    sampler, expected = sampler_of("gradient_logdet"), {}

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Classifier()

        def training_step(self, batch):
            x, y, rows = batch
            with sampler.recorder(self.model):
                logits = self.model(x)
            losses = F.cross_entropy(logits, y, reduction="none")
            expected.update(zip(rows.tolist(), losses.tolist(), strict=True))
            return losses.mean()

        def validation_step(self, batch):
            with sampler.recorder(self.model):
                self.model(batch[0])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    dataset = TensorDataset(*problem(), torch.arange(N_ROWS))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = Trainer(
        max_epochs=2,
        callbacks=[SpectralSelection(sampler)],
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
        **quiet,
    )
    trainer.fit(Module(), DataLoader(dataset, batch_sampler=sampler), DataLoader(dataset, batch_size=50))
    assert sampler.recorder.n_records == 30
    check(sampler, expected)


def test_the_trainer_records_by_itself_and_resumes_where_it_was(tmp_path):
    import transformers

    from saln.integrations.transformers import use_sampler

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.classifier = Classifier()

        def forward(self, x, labels=None):
            logits = self.classifier(x)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    x, y = problem()
    dataset = [{"x": each, "labels": int(label)} for each, label in zip(x, y, strict=True)]

    def trainer(folder):
        arguments = transformers.TrainingArguments(
            str(folder),
            per_device_train_batch_size=BATCH_SIZE,
            num_train_epochs=2,
            save_steps=20,
            eval_strategy="epoch",
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
        )
        made = transformers.Trainer(Model(), arguments, train_dataset=dataset, eval_dataset=dataset)
        use_sampler(made, sampler_of("jest", n_epochs=2))
        return made

    whole = trainer(tmp_path / "whole")
    whole.train()
    assert whole.batch_sampler.recorder.n_records == 30
    rest = trainer(tmp_path / "rest")
    rest.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-20"))
    for step in range(5, 15):
        expected, found = (each.batch_sampler.served_at(1, step) for each in (whole, rest))
        assert found.indices == expected.indices
    torch.testing.assert_close(
        rest.batch_sampler.recorder.values("losses"), whole.batch_sampler.recorder.values("losses"), equal_nan=True
    )


def test_the_trainer_records_for_the_default_and_says_what_it_did(tmp_path, caplog):
    from transformers import Trainer, TrainingArguments

    from saln.integrations.transformers import select_data

    class Model(nn.Linear):
        def forward(self, x, labels=None):
            logits = super().forward(x)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    labels = torch.arange(320) % 3
    inputs = torch.randn(320, 6, generator=torch.Generator().manual_seed(0)) + 3 * F.one_hot(labels, 6)
    rows = [{"x": x, "labels": int(label)} for x, label in zip(inputs, labels, strict=True)]
    arguments = TrainingArguments(
        str(tmp_path),
        per_device_train_batch_size=32,
        num_train_epochs=1,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
    )
    trainer = select_data(Trainer(Model(6, 3), arguments, train_dataset=rows), features=inputs)
    with caplog.at_level("INFO"):
        trainer.train()
    assert trainer.batch_sampler.recorder.n_records == 10
    assert trainer.batch_sampler.served[-1].report.stage == "gradients"
    assert "auto batches_gradients 8, batches_shuffled 2" in caplog.text
