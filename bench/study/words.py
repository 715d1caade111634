"""What the study's page says between its tables."""

HEAD = """\
# Does selection pay?

In short: where samples are repeated, the project's default is more than twice as fast as random batches by steps,
and 1.2 to 1.9 times by the clock with everything counted. Where labels are wrong it ends higher, clearly on
steel surfaces (4.4 points), and is 1.1 to 1.5 times as fast by steps; by the clock it is not, on networks so small
that a look at the data costs as much as a third of the training. Where there is nothing to choose
by it says so and trains on uniform's own batches. Methods that look at every step's losses end up to nineteen
points higher on image networks and up to six where classes are rare, at three to five times the price of a step: by
the clock, everything counted, they are slower than random batches on every problem but one. The paper's own rules
are not better than random batches here, by any measure.

Written by `python -m bench.study --data FOLDER` out of `bench/results/study-*.jsonl` and
`bench/results/usefulness-*.csv`; `--tables` runs nothing. Every run of every method and seed is in these files."""

DEFAULT_TABLE = """\
Points are those of the final value (accuracy; ROC AUC for SECOM) against uniform with the same seed, with 95 % t
intervals over seeds. *Times* say how much sooner the method reached uniform's final value: by steps, by seconds of
selection and training, by seconds with everything counted. Where some seeds never reached it they enter with all
they took, and the ratio is an upper bound. **+** and **-** mark intervals clear of no difference, one by one. The
default is `one_pass` (default.md); its look at the data is part of its seconds. These runs of uniform and the
default were made one after the other on a machine that did little else (`--methods uniform,one_pass --results
bench/results/study-alone-2026-11-24.jsonl`), those of all methods further down while it did other work."""

WHY = """\
**By steps half of the aim is met, by the clock it is missed.** It was 2 × on redundant or noisy data and nowhere
below 0.95 ×, everything counted. By steps the default is at 2 × or more on all four feature sets with duplicates
where random batches learn anything, at 1.1 to 1.5 × with wrong labels, and nowhere clearly below 1. Two things
stand between that and the clock. The look at the data takes 1 to 70 ms, up to a third of a whole training of
150 steps at a millisecond each, and nothing to speak of in a longer one. And as soon as there is something to
choose by, choosing takes some 0.2 ms a step, most of it the cost of calling a dozen small operations. On the image
networks, where a step takes thirty times as long, neither would show; there the default finds nothing to choose by.

**Where the default abstains its batches are uniform's**, the points are the same to the digit, and what the clock
shows beside the look is its own noise: up to a tenth on the image networks.

**On SECOM** nothing can be told: with 211 different rows left of 1 057, random batches end at an area under the
curve of 0.6, and an oracle does no better."""

ABLATIONS = """\
Each cell: points of the final value, and times as fast by steps. `drawn` draws every batch anew by the same worth;
`oracle` takes turns as the default does, and is told which labels are wrong and which rows are copies."""

WHY_NOT_MORE = """\
**Copies** are found without a miss: on duplicates the default is as fast as the oracle, more than twice as fast as
uniform by steps on every feature set but SECOM, where uniform itself is hardly better than chance.

**Wrong labels.** Even the oracle, which pays nothing and knows every one, is twice as fast on two of five feature
sets alone. On steel uniform passes its final accuracy within ten steps, before it learns the wrong labels by heart:
no method can be faster to there, and what is won is the end. The default gets a quarter to two thirds of the
oracle's points where features tell classes apart. Where they hardly do (IMDb, SECOM) it doubts labels in some seeds
only, and on pixels never: there it abstains. `python -m bench.credibility` shows how well wrong labels are found.

**Turns** instead of draws are worth one and a half points on TREC with wrong labels, and nothing much elsewhere.

**Rare classes** are left as rare as they are. With `balance=0.5` the default would gain much wherever the test has
as many of each class, and lose on SECOM, where the test has few failures, too: which of the two a user is in, the
data do not say."""

CLAIMS = """\
Sharifi (arXiv 2412.17069) claims up to 8 × less training time, up to 5 points more accuracy, and more than JEST.
The two rules of the paper, SALN and its schedule GSTDS, as this project understands them, on every problem with all
methods:"""

WHY_CLAIMS = """\
Why not, as far as we can tell. (1) Which end of the Fiedler vector the paper keeps is not known; the only rule
without a sign keeps outlying samples, and those are where the wrong labels and the hard-to-learn are: SALN loses
most under noise. (2) Similarities of frozen features know neither labels nor what the learner already knows; the
usefulness table below finds next to nothing in them. (3) The paper's set-up (a pretrained network fine-tuned on
Oxford-IIIT Pet and CIFAR-10, on a GPU) could not be repeated: Oxford-IIIT Pet could not be obtained, and its
baseline's batches may differ from shuffled epochs. (4) "Better than JEST" holds where JEST itself is far below
uniform (imbalance), and fails where JEST is good."""

SETS = """\
Differences in points beside uniform with the same seed. Spectral candidates and joint growth score by effective
rank, 256 and 64 candidates."""

USEFULNESS = """\
Useful is a batch whose one SGD step lowers the held-out loss most. For a model in training, candidate batches of a
super-batch are ranked by each predictor and by what they really did; the table holds Spearman's correlation of the
two. `varied` proposals are grown to differ more than uniform ones do. × q: rows weighted by sigmoid(learnability).
*alignment* is the product of the batch's gradient with that of a probe of 256 held-out rows, and stands for the
most that can be known."""

USEFULNESS_FOUND = """\
What predicts usefulness is the direction of the gradient, by a wide margin; no spectrum sees it, since a spectrum
does not change when all gradients turn around. Spectra of frozen features say next to nothing. Those of gradients
say much where batches differ much, but with either sign: large gradients help where classes are rare and hurt where
labels are wrong. Weighted by learnability, spectra are the mirror image, good against wrong labels and bad for rare
classes. So no single criterion is safe, which is why `gradient_logdet_patient` compares learnability within the
class and asks the neighbours too. Alignment needs a clean probe and a pass for it; as a rule for choosing it failed
(`logdet_probe_t1` in docs/default.md): what is best for the next step is not what is best for training."""

LIMITS = """\
- Seconds are CPU seconds of one thread on a machine that did other work at the same time; ratios are of runs beside
  each other. On a GPU a step costs otherwise, and none was at hand.
- Frozen features and an MLP of 128 units, a residual network of 11 000 weights on images, 150 steps, one filter
  ratio, no tuning of any method; learning rates may suit some better than others. The default's constants were
  chosen on the same sets, seeds 100 to 111; those of `gradient_logdet_patient` on three of them (default.md).
  One of the default's, the least skill, was raised after this study's seeds had shown that pixels of CIFAR-10 were
  judged at times; its six runs there were made again.
- Intervals are over seeds (weights, order, reference rows), not over sets; nothing is corrected for the number of
  comparisons but the usefulness table.
- The rows of the reference network are withheld from uniform, too; default.md shows what they would have been
  worth."""
