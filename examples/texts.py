"""A text encoder fine-tuned on wrong labels, without selection and with it: python examples/texts.py

--data is a table of texts and labels, else sentences made up here. --model is a folder of transformers, whose own
embeddings choose, else a small encoder that has learnt nothing, and words choose.
"""

import argparse
import random

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification as Classifier
from transformers import AutoTokenizer, BertConfig, Trainer, TrainingArguments

import saln
from saln.datasets import read_source
from saln.integrations.transformers import select_data

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--model")
parser.add_argument("--wrong", type=float, default=0.3, help="share of the labels that are made wrong")
parser.add_argument("--epochs", type=float, default=3)
args = parser.parse_args()
random.seed(0)
torch.manual_seed(0)

topics = {"who": "king author painter nurse", "where": "river hill lake town", "when": "hour year morning month"}
words = {topic: f"{own} this was one of that it the with first".split() for topic, own in topics.items()}
made_up = [{"text": " ".join(random.sample(words[topic], 8)), "label": topic} for topic in words for _ in range(400)]
source = read_source(args.data or made_up)
texts = list(source)
is_test = torch.rand(len(texts)) < 0.2 if source.is_test is None else source.is_test
wrong = ~is_test & (torch.rand(len(texts)) < args.wrong)
labels = torch.where(wrong, source.labels[torch.randperm(len(texts))], source.labels)

tokenizer = AutoTokenizer.from_pretrained(args.model) if args.model else None
if tokenizer:
    tokens = tokenizer(texts, truncation=True)
else:
    counted = TfidfVectorizer().fit(texts)
    numbers = [torch.from_numpy(counted.transform([text]).indices).long() + 1 for text in texts]
    tokens = {"input_ids": pad_sequence(numbers, batch_first=True)}
    small = BertConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_labels=len(topics))
rows = [{**{name: part[row] for name, part in tokens.items()}, "labels": int(labels[row])} for row in range(len(texts))]
train, test = ([rows[row] for row in part.nonzero()[:, 0]] for part in (~is_test, is_test))
features = saln.extract(
    f"transformers:{args.model}" if args.model else lambda batch: torch.from_numpy(counted.transform(batch).toarray()),
    [text for text, tested in zip(texts, is_test, strict=True) if not tested],
)


def make_trainer():
    torch.manual_seed(0)
    options = {"num_train_epochs": args.epochs, "per_device_train_batch_size": 32, "report_to": []}
    n_classes = len(source.class_names)
    return Trainer(
        Classifier.from_pretrained(args.model, num_labels=n_classes) if args.model else Classifier.from_config(small),
        TrainingArguments("texts", learning_rate=5e-5 if args.model else 1e-3, **options),
        train_dataset=train,
        processing_class=tokenizer,  # which pads
        compute_metrics=lambda found: {"accuracy": (found.predictions.argmax(1) == found.label_ids).mean()},
    )


found = []
for trainer in (make_trainer(), select_data(make_trainer(), features=features)):
    trainer.train()
    found.append(trainer.evaluate(test)["eval_accuracy"])
print(f"accuracy {found[0]:.3f} without selection, {found[1]:.3f} with it")
