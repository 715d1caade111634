"""Several labels a row, and numbers as targets: which of them are wrong."""

from __future__ import annotations

import pytest
import torch

from label_cases import area
from saln.inspection import out_of_fold
from saln.inspection.multilabel import judge_multilabel
from saln.inspection.targets import judge_targets


def tags(n: int = 2000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, labels of which the first is never wrong and the second wrong in a fifth of the rows, and the truth."""
    source = torch.Generator().manual_seed(seed)
    truth = (torch.rand(n, 3, generator=source) < torch.tensor([0.5, 0.3, 0.1])).long()
    x = torch.randn(n, 8, generator=source)
    x[:, :3] += 5.0 * truth
    labels = truth.clone()
    labels[:, 1] = torch.where(torch.rand(n, generator=source) < 0.2, 1 - truth[:, 1], truth[:, 1])
    return x, labels, truth


class TestMultilabel:
    def test_wrong_labels_are_found_where_they_are(self):
        x, labels, truth = tags()
        given = labels.clone()
        found = judge_multilabel(x, labels)
        assert torch.equal(labels, given)
        wrong = labels[:, 1] != truth[:, 1]
        assert area(found.quality[:, 1], wrong) > 0.97
        assert area(found.row_quality, wrong) > 0.97
        assert found.noise.tolist() == pytest.approx([0.0, 0.2, 0.0], abs=0.02)
        assert (found.suggested == truth).float().mean() > 0.98
        assert torch.equal(found.row_quality, found.quality.amin(dim=1))
        assert found.losses[wrong].mean() > 3 * found.losses[~wrong].mean()

    def test_rows_that_were_not_fitted_and_broken_ones(self, monkeypatch):
        x, labels, truth = tags()
        x[5, 1] = torch.nan
        monkeypatch.setattr(out_of_fold, "FITTED", 8 * 700)
        found = judge_multilabel(x, labels)
        assert found.quality.isnan().nonzero()[:, 0].unique().tolist() == [5]
        assert found.row_quality.isnan().nonzero().squeeze(1).tolist() == [5]
        assert found.losses.isnan().nonzero().squeeze(1).tolist() == [5]
        assert torch.equal(found.suggested[5], labels[5])
        wrong = labels[:, 1] != truth[:, 1]
        wrong[5] = False
        assert area(found.quality[:, 1].nan_to_num(1.0), wrong) > 0.97

    def test_labels_that_nearly_all_have_or_lack_are_not_judged(self):
        x, labels, _ = tags()
        labels[:, 0], labels[:5, 0] = 0, 1
        labels[:, 2] = 1
        found = judge_multilabel(x, labels)
        assert found.quality[:, [0, 2]].isnan().all()
        assert torch.equal(found.suggested[:, [0, 2]], labels[:, [0, 2]])
        assert torch.equal(found.row_quality, found.quality[:, 1])

    def test_probabilities_of_the_users_own(self):
        x, labels, truth = tags()
        shares = torch.sigmoid(5.0 * (x[:, :3] - 2.5))
        found = judge_multilabel(x * torch.nan, labels, probabilities=shares)
        assert area(found.quality[:, 1], labels[:, 1] != truth[:, 1]) > 0.97

    def test_wrong_input_is_named(self):
        x, labels, _ = tags(40)
        with pytest.raises(ValueError, match=r"labels is \[40\], want \[40, L\]"):
            judge_multilabel(x, labels[:, 0])
        with pytest.raises(ValueError, match=r"labels has values other than 0 and 1"):
            judge_multilabel(x, labels + 1)
        with pytest.raises(ValueError, match=r"probabilities has 2 columns, labels has 3"):
            judge_multilabel(x, labels, probabilities=x[:, :2].sigmoid())


def line(n: int = 2000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, what they tell with a standard deviation of 2 (of 20), and the targets with it."""
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=source)
    truth = 100 + x @ torch.tensor([14.0, 14.0, 0.0, 2.0])
    return x, truth, truth + 2 * torch.randn(n, generator=source)


class TestTargets:
    @pytest.mark.parametrize("share", [0.02, 0.2])
    def test_targets_of_other_rows_are_found(self, share):
        x, truth, targets = line()
        wrong = torch.rand(2000, generator=torch.Generator().manual_seed(1)) < share
        targets[wrong] = targets[wrong].roll(1)
        found = judge_targets(x, targets)
        assert area(found.quality, wrong) > 0.9
        assert found.noise == pytest.approx(share, abs=0.04)
        assert (found.suggested - truth).abs().mean() < 1
        assert found.scale == pytest.approx(2.0, rel=0.25)
        assert found.skill > 0.95
        torch.testing.assert_close(found.residuals * found.scale, targets - found.suggested, atol=1e-3, rtol=1e-3)

    def test_gross_errors_do_not_bend_the_line(self):
        x, truth, targets = line()
        targets[:40] = 1e7
        found = judge_targets(x, targets)
        assert (found.quality[:40] < 1e-3).all()
        assert found.quality[40:].mean() > 0.95
        assert (found.suggested - truth).abs().mean() < 1

    def test_right_targets_are_believed_and_so_are_all_where_features_say_nothing(self):
        x, _, targets = line()
        assert (judge_targets(x, targets).quality < 0.5).sum() <= 2
        weak = judge_targets(torch.randn(2000, 4, generator=torch.Generator().manual_seed(5)), targets)
        assert weak.skill < 0.05
        assert (weak.quality < 0.5).sum() <= 2

    def test_units_do_not_matter(self):
        x, _, targets = line()
        targets[:100] += 50
        plain, scaled = judge_targets(x, targets), judge_targets(x, 1e-6 * (targets.double() - 3))
        torch.testing.assert_close(scaled.quality, plain.quality, atol=1e-3, rtol=0)
        torch.testing.assert_close(1e6 * scaled.suggested + 3, plain.suggested, atol=1e-2, rtol=0)

    def test_rows_that_are_not_judged(self, monkeypatch):
        x, _, targets = line(400)
        x[3, 1], targets[5] = torch.nan, torch.inf
        monkeypatch.setattr(out_of_fold, "FITTED", 4 * 300)
        found = judge_targets(x, targets)
        for each in (found.quality, found.suggested, found.residuals):
            assert each.isnan().nonzero().squeeze(1).tolist() == [3, 5]
        assert judge_targets(x[10:20], targets[10:20]).quality.isnan().all()
        assert (judge_targets(x[10:], torch.full((390,), 3)).quality == 1).all()
        with pytest.raises(ValueError, match=r"targets is \[399\], want \[400\]"):
            judge_targets(x, targets[1:])
