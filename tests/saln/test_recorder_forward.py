"""Which layer of a model is looked at, through wrappers, and what is said of models that have none such."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from recorder_cases import problem, sampler_of
from saln.sampling.forward import losses_and_residuals, watched


class HeadFirst(nn.Module):
    """Registers its head first, calls it last, and has another linear layer that it does not call."""

    def __init__(self) -> None:
        super().__init__()
        self.classify, self.body, self.unused = nn.Linear(4, 3), nn.Linear(6, 4), nn.Linear(2, 2)

    def forward(self, x):
        return self.classify(self.body(x).relu())


class Output(dict):
    """What classifiers of transformers return."""


class Transformer(nn.Module):
    """Tokens go through linear layers of three dimensions; the first token's state is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.pooler, self.classifier = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        states = self.encoder(x[:, None].expand(-1, 5, -1))
        return Output(logits=self.classifier(self.pooler(states[:, 0]).tanh()))


class Sequence(nn.Module):
    """Logits for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x[:, None].expand(-1, 7, -1))


def seen_of(model, *args, head=None, calls=1):
    with watched(model, head) as seen:
        outputs = [model(*args) for _ in range(calls)]
    return seen, outputs


def test_the_layer_called_last_is_found_and_remembered():
    model, x = HeadFirst(), torch.randn(5, 6)
    for _ in range(2):
        seen, (output,) = seen_of(model, x)
        assert torch.equal(seen.logits[0], output)
        assert torch.equal(seen.activations[0], model.body(x).relu())
        assert not seen.logits[0].requires_grad
    model.classify = nn.Linear(4, 7)  # for another task
    seen, (output,) = seen_of(model, x)
    assert torch.equal(seen.logits[0], output)


def test_parts_of_a_batch_come_one_after_another():
    model, x = HeadFirst(), torch.randn(6, 6)
    with watched(model) as seen:
        outputs = [model(part) for part in x.split(4)]
    assert torch.equal(torch.cat(seen.logits), torch.cat(outputs))
    assert [len(each) for each in seen.activations] == [4, 2]


def test_outputs_of_transformers():
    model, x = Transformer(), torch.randn(5, 6)
    seen, (output,) = seen_of(model, x)
    assert torch.equal(seen.logits[0], output["logits"])
    assert seen.activations[0].shape == (5, 4)
    compiled = torch.compile(model, backend="eager")
    seen, (output,) = seen_of(compiled, x)
    assert torch.equal(seen.logits[0], output["logits"])


@pytest.mark.parametrize("head", ["body", "classify"])
def test_a_head_by_name_or_as_it_is(head):
    model, x = HeadFirst(), torch.randn(5, 6)
    for given in (head, getattr(model, head)):
        seen, _ = seen_of(model, x, head=given)
        assert seen.logits[0].shape[1] == getattr(model, head).out_features


def test_a_head_that_is_no_linear_layer():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    seen, (output,) = seen_of(model, torch.randn(5, 2, 4, 4), head="2")
    assert torch.equal(seen.logits[0], output)
    assert seen.activations == []
    with pytest.raises(ValueError, match="Sequential has no linear layer: name the layer that gives logits as head"):
        seen_of(model, torch.randn(5, 2, 4, 4))


@pytest.mark.parametrize("wrap", [AveragedModel, lambda model: torch.compile(model, backend="eager")])
def test_wrapped_models(wrap):
    model, x = HeadFirst(), torch.randn(5, 6)
    seen, (output,) = seen_of(wrap(model), x)
    assert torch.equal(seen.logits[0], output)


def test_compiled_models_are_compiled_once():
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph.forward

    model, x = torch.compile(HeadFirst(), backend=backend), torch.randn(5, 6)
    for _ in range(4):
        seen, (output,) = seen_of(model, x)
        assert torch.equal(seen.logits[0], output)
        assert seen.activations == []
    assert len(compilations) == 1
    sampler = sampler_of("gradient_logdet", activations=True)
    batch = next(iter(sampler))
    message = "what the last layer is given was not seen, as inside a compiled model"
    with pytest.raises(ValueError, match=message), sampler.recorder(model):
        model(problem()[0][batch])


def test_what_cannot_be_recorded_is_refused():
    x = torch.randn(5, 6)
    with pytest.raises(ValueError, match=r"the head gave logits \[5, 7, 3\], want logits \[B, C\].*record\(losses\)"):
        seen_of(Sequence(), x)
    with pytest.raises(ValueError, match="the model, or its head, was not called inside"):
        seen_of(HeadFirst(), x, calls=0)
    with pytest.raises(ValueError, match="the model, or its head, was not called inside"):
        seen_of(HeadFirst(), x, head="unused")
    with pytest.raises(ValueError, match=r"head is 'heads', want a layer .*classify, body, unused"):
        seen_of(HeadFirst(), x, head="heads")
    with pytest.raises(ValueError, match="the model is a DataParallel"):
        seen_of(nn.DataParallel(HeadFirst()), x)
    sampler = sampler_of("jest")
    next(iter(sampler))
    with pytest.raises(ValueError, match="16 rows came to be recorded, want 8"), sampler.recorder(model := HeadFirst()):
        model(torch.randn(8, 6)), model(torch.randn(8, 6))


class LinearWithDict(nn.Linear):
    """A linear layer that is the model, and returns what models of transformers do."""

    def forward(self, x):
        return {"loss": torch.zeros(()), "logits": super().forward(x)}


def test_a_linear_layer_that_returns_a_dict():
    x, model = torch.randn(5, 6), LinearWithDict(6, 3)
    with watched(model) as seen:
        given = model(x)
    assert torch.equal(seen.logits[0], given["logits"])
    assert torch.equal(seen.activations[0], x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_losses_and_residuals_are_those_of_autograd(dtype):
    logits = torch.randn(9, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(9) % 5
    leaf = logits.float().requires_grad_()
    expected = F.cross_entropy(leaf, labels, reduction="none")
    expected.sum().backward()
    losses, residuals = losses_and_residuals(logits, labels)
    torch.testing.assert_close(losses, expected.detach())
    torch.testing.assert_close(residuals, leaf.grad)
    assert losses.dtype == residuals.dtype == torch.float32
