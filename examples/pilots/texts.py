"""Does selection pay on a text encoder fine-tuned by a Hugging Face Trainer? MODEL is a folder of transformers.

python examples/pilots/texts.py MODEL, beside train.tsv and test.tsv with columns text and label
"""

import sys

from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

import saln.pilot
from saln.datasets import read_source
from saln.integrations.transformers import job

folder, train, test = sys.argv[1], read_source("train.tsv"), read_source("test.tsv")
tokens = AutoTokenizer.from_pretrained(folder)
rows, tested = ([{**tokens(x), "labels": int(part.labels[i])} for i, x in enumerate(part)] for part in (train, test))
each_step = {"per_device_train_batch_size": 32, "learning_rate": 2e-4, "bf16": True, "use_cpu": True}
each_20 = {"eval_strategy": "steps", "eval_steps": 20, "save_strategy": "no", "report_to": []}


def score(found):
    return {"accuracy": (found.predictions.argmax(1) == found.label_ids).mean()}


def make_trainer(seed):
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(train.class_names))
    arguments = TrainingArguments("runs", seed=seed, num_train_epochs=0.6, **each_step, **each_20)
    return Trainer(model, arguments, None, rows, tested, tokens, compute_metrics=score)


x = saln.extract(f"transformers:{folder}", train, "features.npy")
result = saln.pilot.compare(job(make_trainer), features=x, labels=train.labels, batch_size=32, seeds=3, work="pilot")
result.report("texts.html"), result.report("texts.ja.html", lang="ja"), print(result)
