"""What the study's page says between its tables."""

HEAD = """\
# Does selection pay?

In short: by steps it often does, by the clock it does not on networks as small as these. The project's default
reaches uniform's accuracy in fewer steps on most problems and often ends above it; counted in seconds, with the
pass over five times as many rows, the choice and the reference network, it is slower than random batches on every
problem. The paper's own rules are not better than random batches here, by any measure.

Written by `python -m bench.study --data FOLDER` out of `bench/results/study-*.jsonl` and
`bench/results/usefulness-*.csv`; `--tables` runs nothing. Every run of every method and seed is in these files."""

DEFAULT_TABLE = """\
Points are those of the final value (accuracy; ROC AUC for SECOM) against uniform with the same seed, with 95 % t
intervals over seeds. *Times* say how much sooner the method reached uniform's final value: by steps, by seconds of
selection and training, by seconds with everything counted. Where some seeds never reached it they enter with all
they took, and the ratio is an upper bound. **+** and **-** mark intervals clear of no difference, one by one."""

WHY = """\
**The aim is missed by the clock.** It was 2 × on redundant or noisy data and nowhere below 0.95 ×, everything
counted. A step by the default costs several uniform ones (column before the last), and no saving of steps found
here makes up for that. What it would take follows from the columns: the saving in steps must exceed the price of a
step. Three things move the price, and none the saving. A training step that is dear beside a forward pass: the
forward pass over five times the rows alone, at a third of a training step each, costs 1.7 steps, so that even with
a free choice 2.7 × fewer steps are needed to break even at a filter ratio of 0.8. Scores that are reused (every
n-th step, cached features, the last layer only). And a smaller super-batch. On the image networks, where training
costs more, a step costs about three uniform ones instead of five to eight. There the features' extraction, counted
for the 20 000 rows of CIFAR-10, outweighs the whole training.

**Nor is the default safe everywhere.** It was chosen on CIFAR-10, TREC and IMDb with other seeds and a better
reference network (docs/default.md), and held there. With the weaker reference of this study it is no longer above
uniform on TREC and IMDb clean and noisy, within the intervals; and on SECOM, which it had never seen, it loses
clearly: with 7 % failures, sensors that say little and 1 175 rows, a label that disagrees with its neighbours is as
often a rare failure as a wrong label. On steel surfaces, not seen before either, it gains under noise and on
images."""

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
does not change when all gradients turn around. Spectra of frozen features say next to nothing. Those of gradients say
much where batches differ much, but with either sign: large gradients help where classes are rare and hurt where labels
are wrong. Weighted by learnability, spectra are the mirror image, good against wrong labels and bad for rare classes.
So no single criterion is safe, which is why the default compares learnability within the class and asks the neighbours
too. Alignment needs a clean probe and a pass for it; as a rule for choosing it failed (`logdet_probe_t1` in
docs/default.md): what is best for the next step is not what is best for training."""

LIMITS = """\
- Seconds are CPU seconds of one thread on a machine that did other work at the same time; ratios are of runs beside
  each other. On a GPU a step costs otherwise, and none was at hand.
- Frozen features and an MLP of 128 units, a residual network of 11 000 weights on images (few seeds, see the first
  table), 150 steps, one filter ratio, no tuning of any method; learning rates may suit some better than others.
- Intervals are over seeds (weights, order, reference rows), not over sets; nothing is corrected for the number of
  comparisons but the usefulness table.
- The rows of the reference network are withheld from uniform, too; docs/default.md shows what they would have been
  worth."""
