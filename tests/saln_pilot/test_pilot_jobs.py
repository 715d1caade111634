"""The user's own training: any function of a sampler and a seed, judged by what it reports."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import saln.pilot
from saln.pilot import PilotError, PilotResult, PilotSampler
from saln.selectors import Offer, Selector

X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).long()
SEEN: list[list[int]] = []


def train(sampler: PilotSampler, seed: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Two epochs through a DataLoader, four evaluations each."""
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loader = DataLoader(TensorDataset(X, Y, torch.arange(200)), batch_sampler=sampler)
    step = 0
    for _ in range(2):
        for x, y, rows in loader:
            SEEN.append(rows.tolist())
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            step += 1
            if step % 3 == 0:
                with torch.no_grad():
                    logits = model(X)
                yield step, {"accuracy": float((logits.argmax(1) == Y).float().mean()), "loss": float(loss.detach())}


def run(job: Any = train, **options: Any) -> PilotResult:
    given = {"features": X, "labels": Y, "batch_size": 32, "methods": ["herding"], "seeds": 2, "progress": False}
    return saln.pilot.compare(job, **{**given, **options})


def test_a_function_is_compared_on_the_batches_that_it_was_given() -> None:
    SEEN.clear()
    result = run()
    assert result.methods == ("uniform", "herding")
    assert result.steps == 12
    assert (result.metric.name, result.data.n_train, result.data.class_names) == ("accuracy", 200, ("0", "1"))
    uniform = result.runs_of("uniform")[0]
    # 200 rows are six batches of 32 and one of 8, which is padded; the last two steps were after the last evaluation.
    assert uniform.chosen.shape == (12, 32)
    assert [int((row >= 0).sum()) for row in uniform.chosen[:7]] == [32] * 6 + [8]
    chosen = [[row for row in rows if row >= 0] for rows in uniform.chosen.tolist()]
    assert sorted(row for rows in chosen[:7] for row in rows) == list(range(200))
    warmed = 3 * 2  # each method, before the clock counts
    assert SEEN[warmed : warmed + 12] == chosen
    assert [point.step for point in uniform.curve] == [3, 6, 9, 12]
    assert uniform.final.metrics["accuracy"] == uniform.final.score
    assert set(result.kpis[0].values) >= {"final_loss", "final_accuracy", "speed_up"}


def test_seeds_fix_everything_that_is_drawn() -> None:
    first, second = run(seeds=1), run(seeds=1)
    curves = [[point.metrics for each in result.runs for point in each.curve] for result in (first, second)]
    assert curves[0] == curves[1]
    state = torch.get_rng_state()
    run(seeds=1)
    assert torch.equal(torch.get_rng_state(), state)


def regress(sampler: PilotSampler, seed: int) -> None:
    """No generator: it says by itself how it goes, and less is better."""
    targets = X @ torch.tensor([1.0, 2.0, -1.0, 0.5])
    weights = torch.zeros(4, requires_grad=True)
    step = 0
    for _ in range(3):
        for rows in sampler:
            loss = ((X[rows] @ weights - targets[rows]) ** 2).mean()
            (gradient,) = torch.autograd.grad(loss, weights)
            weights = (weights - 0.05 * gradient).detach().requires_grad_()
            step += 1
        with sampler.paused():
            error = float(((X @ weights - targets) ** 2).mean().sqrt().detach())
        sampler.report(step, {"rmse": error})


def test_less_may_be_better_and_labels_no_classes() -> None:
    result = run(regress, labels=X[:, 0], gates=["time_to_rmse <= 1000 * uniform", "final_rmse <= 100"])
    assert not result.metric.higher_is_better
    assert result.data.class_names == ()
    final = result.runs[0].final
    assert final.score == -final.metrics["rmse"]
    assert result.kpis[0].mean("final_rmse") == pytest.approx(-result.kpis[0].known("final_accuracy"))
    assert result.target < result.kpis[0].known("final_accuracy")
    assert [gate.outcome for gate in result.gates if gate.figure == "final_rmse"] == ["passed"]
    curve = [point.metrics["rmse"] for point in result.runs[0].curve]
    assert curve == sorted(curve, reverse=True)
    with pytest.raises(PilotError, match="needs reward, which there is not here"):
        run(regress, methods=["portfolio:reward=probe"])
    with pytest.raises(PilotError, match="needs labels"):
        run(regress, labels=X[:, 0], methods=["spectral_candidates:candidates=stratified"])


def test_the_metric_that_decides_can_be_named_afterwards(tmp_path: Path) -> None:
    SEEN.clear()  # it is among what the function refers to
    run(work=tmp_path)
    SEEN.clear()
    again = run(work=tmp_path, metric="loss")
    assert SEEN == []
    assert (again.metric.name, again.metric.higher_is_better) == ("loss", False)
    assert again.runs[0].final.score == -again.runs[0].final.metrics["loss"]
    with pytest.raises(PilotError, match="metric 'rmse' is not what train reports; it reports accuracy, loss"):
        run(work=tmp_path, metric="rmse")


class _Slow(Selector):
    """Takes the first rows, a hundredth of a second late."""

    name = "slow"
    description = "late"
    paper = "-"
    reads = ("features",)

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        time.sleep(0.01)
        return torch.arange(size)


def timed(evaluation: str, took: list[float]) -> Any:
    """Steps of 4 ms, of which each third is followed by an evaluation of 60 ms; notes what each step really took."""

    def evaluate() -> dict[str, float]:
        time.sleep(0.06)
        return {"accuracy": 0.5}

    def job(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        for step, _ in enumerate((rows for _ in range(3) for rows in sampler), start=1):
            began = time.perf_counter()
            time.sleep(0.004)
            took.append(time.perf_counter() - began)
            if step % 3 == 0 and evaluation == "a function":
                yield step, evaluate
            elif step % 3 == 0 and evaluation == "in a pause":
                with sampler.paused():
                    found = evaluate()
                yield step, found
            elif step % 3 == 0:
                yield step, evaluate()

    return job


@pytest.mark.parametrize("evaluation", ["a function", "in a pause", "unannounced"])
def test_the_clock_leaves_evaluations_out_and_sees_what_selection_takes(evaluation: str) -> None:
    took: list[float] = []
    result = run(timed(evaluation, took), methods=[_Slow()], seeds=1)
    uniform, slow = (result.runs_of(name)[0] for name in ("uniform", "slow"))
    for one, steps in ((uniform, took[6:27]), (slow, took[27:48])):  # after three steps of each to warm up
        # With one of seven evaluations counted it would be half as much again.
        assert one.final.training_seconds == pytest.approx(sum(steps), rel=0.25)
    assert slow.final.selection_seconds > 21 * 0.01
    assert uniform.final.selection_seconds == 0.0
    assert float(slow.step_seconds.sum()) == pytest.approx(slow.final.seconds, rel=0.05)
    # Uniform is given as long, in epochs that are so much longer.
    times = slow.final.seconds / uniform.final.seconds
    assert result.longer[0].at(slow.final.seconds).step == pytest.approx(21 * times, rel=0.2)


def test_where_uniform_guesses_it_is_said() -> None:
    def guessing(accuracy: float) -> Any:
        def job(sampler: PilotSampler, seed: int) -> Iterator[Any]:
            yield sum(1 for _ in sampler), {"balanced_accuracy": accuracy}

        return job

    n_classes = len(run(guessing(0.9), seeds=1).data.class_names)
    for lead, said in ((0.01, True), (0.2, False)):
        notes = run(guessing(1 / n_classes + lead), seeds=1).notes
        assert any("it learned next to nothing" in note for note in notes) is said


def test_who_makes_fixed_steps_is_told_that_uniform_could_not_be_given_longer() -> None:
    def fixed(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        batches = (rows for _ in range(99) for rows in sampler)
        for step, _ in zip(range(1, 9), batches, strict=False):
            time.sleep(0.002)
            if step % 4 == 0:
                yield step, {"accuracy": 0.5}

    said = "The training makes 8 steps however long an epoch is"
    assert [note for note in run(fixed, methods=[_Slow()], seeds=1).notes if said in note]
    assert not [note for note in run(timed("a function", []), methods=[_Slow()], seeds=1).notes if said[:18] in note]


def test_what_workers_ask_for_early_is_counted_when_it_is_trained_on() -> None:
    def job(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        loader = DataLoader(TensorDataset(X), batch_sampler=sampler, num_workers=2, prefetch_factor=2)
        step = 0
        for _ in range(2):
            began = time.perf_counter()
            for _ in loader:
                time.sleep(0.01)
                step += 1
            took.append(time.perf_counter() - began)
            time.sleep(0.5)  # an evaluation, when the last batches were asked for long ago
            yield step, {"accuracy": 0.5}

    took: list[float] = []
    (run_of_uniform,) = run(job, methods=["uniform"], seeds=1).runs
    assert run_of_uniform.chosen.shape == (14, 32)
    assert 0.1 < run_of_uniform.final.training_seconds < sum(took) + 0.25


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ([(3, {})], "metrics are empty"),
        ([(99, {"accuracy": 0.5})], r"step is 99; wanted the number of batches trained on, 0 \(reported last\) to 7"),
        ([(3, {"accuracy": 0.5}), (2, {"accuracy": 0.5})], r"step is 2; wanted .* 3 \(reported last\)"),
        ([(3, {"accuracy": float("nan")})], "metric 'accuracy' is nan; wanted a finite number"),
        ([(3, {"accuracy": "good"})], "metric 'accuracy' is 'good'; wanted a number"),
        ([3], "train yielded 3; wanted a pair of step and metrics"),
        ([(3, {"accuracy": 0.5}), (5, {"loss": 0.5})], "metrics have no 'accuracy'"),
        ([], "train reported nothing"),
    ],
)
def test_what_is_reported_is_checked(report: list[Any], words: str) -> None:
    def job(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        for _ in sampler:
            pass
        yield from report

    with pytest.raises(PilotError, match=words):
        run(job)


def test_runs_of_other_lengths_are_not_compared() -> None:
    def job(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        for step, _ in enumerate(sampler, start=1):
            if step == 3 + seed:
                yield step, {"accuracy": 0.5}

    with pytest.raises(PilotError, match="train reported after steps 4 with herding, seed 1, and after 3 with uniform"):
        run(job)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"features": X.tolist()}, "features is a list; wanted a tensor or an array"),
        ({"features": X.long()}, r"features are torch.int64 \[200, 4\]; wanted floats \[N, d\]"),
        ({"labels": Y[:100]}, "labels has 100 values and features 200 rows; wanted as many of both"),
        ({"groups": {"site": [0, 1]}}, "groups 'site' has 2 values and features 200 rows"),
        ({"batch_size": 400}, r"train: 200 training rows, fewer than a batch of 400 \(batch_size\)"),
        ({"steps": 5}, "compare has no setting 'steps'.*; there are features, .*, people_price_per_hour$"),
        ({"filter_ration": 0.5}, r"no setting 'filter_ration' \(did you mean filter_ratio\?\); there are"),
        ({"qqq": 5}, "compare has no setting 'qqq'; there are features, .*, people_price_per_hour$"),
        ({"features": X * np.nan}, "features: none of the 200 rows has finite values only"),
        ({"gates": ["final_rmse <= 1"]}, "the training reports no such metric; there are .*final_loss"),
        ({"gates": ["final_accuracy is good"]}, "gate 'final_accuracy is good'"),
        ({"job": "train"}, "train is a str; wanted a function"),
    ],
)
def test_what_is_asked_for_is_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PilotError, match=words):
        run(**options)


def test_rows_that_are_not_finite_are_left_out_of_every_training() -> None:
    features = X.clone()
    features[3] = float("nan")
    features[100:160, 1] = float("inf")
    reference = torch.zeros(200)
    reference[199] = float("nan")
    SEEN.clear()
    result = run(features=features, methods=["herding", "uniform"], reference_losses=reference, seeds=1)
    left_out = {3, *range(100, 160), 199}
    assert {row for batch in SEEN for row in batch} == set(range(200)) - left_out
    assert result.steps == 9  # of 138 rows five batches an epoch
    said = "62 rows of features hold values that are not finite, the first is row 3: every training"
    assert any(said in note for note in result.notes)
    with pytest.raises(PilotError, match="138 training rows without 62 whose features are not finite, fewer than"):
        run(features=features, reference_losses=reference, batch_size=150)
    with pytest.raises(PilotError, match="the training's dataset has 200 samples and features 199 rows"):
        run(features=features[:199], labels=Y[:199])


@pytest.mark.parametrize("kind", [ValueError, StopIteration, KeyError, SystemExit])
def test_what_the_training_raises_is_shown_as_it_is(kind: type[BaseException]) -> None:
    def function(sampler: PilotSampler, seed: int) -> None:
        for _ in sampler:
            raise kind("mine")

    with pytest.raises(kind, match="mine"):
        run(function)


def test_ctrl_c_says_what_is_kept(tmp_path: Path) -> None:
    def stopped(sampler: PilotSampler, seed: int) -> None:
        for _ in sampler:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=f"interrupted; what is finished is kept in {tmp_path}: the same call"):
        run(stopped, work=tmp_path)
    with pytest.raises(KeyboardInterrupt, match="nothing is kept without work="):
        run(stopped)


def test_bars_end_where_runs_do_and_say_what_is_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    def one_more(sampler: PilotSampler, seed: int) -> Iterator[Any]:
        for step, _ in enumerate((rows for _ in range(2) for rows in sampler), start=1):
            if step == 12:
                yield step, {"accuracy": 0.5}  # and the loop asks for one batch more

    run(one_more, methods=["herding", "uniform"], feature_seconds=0.005, progress=True)
    shown = capsys.readouterr().err
    assert "24/24" in shown
    assert "25/24" not in shown
    assert "26/24" not in shown
    said = "3 more follow, and up to 4 of uniform for as long as a method took"
    assert said in " ".join(shown.split())


@pytest.mark.parametrize("notebook", [True, False])
def test_words_stay_words_in_a_notebook(
    notebook: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rich would show them instead, or colour them: ipykernel sets FORCE_COLOR, as some services for tests do."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: notebook)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(progress=True)
    shown = capsys.readouterr()
    assert "24/24" in shown.err
    assert shown.out == ""
    text = str(result)
    assert "herding: " in text
    assert "\x1b" not in shown.err + text
    assert capsys.readouterr().out == ""


def test_stages_serve_shares_of_the_rows() -> None:
    result = run(stages=[0.5, 1.0], gates=["final_accuracy >= -9"])
    assert [stage.n_train for stage in result.stages] == [100, 200]
    assert not any("not those the pilot began with" in note for note in result.notes)


def test_figures_come_as_a_frame_and_a_page(tmp_path: Path) -> None:
    result = run(groups={"site": np.arange(200) % 3})
    assert result.decision.reason in " ".join(str(result).split())
    assert len(repr(result)) < 200
    frame = result.to_frame()
    assert set(frame["method"]) == {"uniform", "herding"}
    row = frame[(frame.method == "herding") & (frame.figure == "final_accuracy")].iloc[0]
    assert row["mean"] == pytest.approx(result.kpis[1].known("final_accuracy"))
    assert "<" in result._repr_html_()
    for lang in ("en", "ja"):
        assert "herding" in result.report(tmp_path / f"{lang}.html", lang).read_text("utf-8")
    assert [each.column for each in result.by_group] == ["site"]
    assert result.by_group[0].methods[0].gap is None


def recorded(sampler: PilotSampler, seed: int) -> Iterator[tuple[int, dict[str, float]]]:
    """One line says what training knows."""
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for rows in sampler:
        with sampler.recorder(model):
            logits = model(X[rows])
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(logits, Y[rows]))
        optimizer.step()
    yield len(sampler), {"accuracy": float((model(X).argmax(1) == Y).float().mean())}


def test_methods_that_go_by_losses_take_those_of_the_training() -> None:
    methods = ["jest", "rho_loss", "infobatch", "selective_backprop", "gradient_logdet"]
    result = run(recorded, methods=methods, seeds=1, feature_seconds=2.0)
    assert result.methods == ("uniform", *methods)
    assert [kpis.mean("setup_seconds") for kpis in result.kpis] == [0.0, 2.0, 2.0, 0.0, 0.0, 2.0]
    with pytest.raises(PilotError, match=r"jest chooses by what training says .* train recorded nothing"):
        run(train, methods=["jest"])


def test_a_dataset_that_is_not_the_features_is_refused() -> None:
    with pytest.raises(
        ValueError, match="the training's dataset has 200 samples and features 150 rows; wanted a row for each sample"
    ):
        run(features=X[:150], labels=Y[:150])
