"""Accuracies by scikit-learn: sklearn_accuracies.py TRAIN.safetensors EVAL.safetensors K TEMPERATURE C

Both files were made by `vicmae features`. Prints the top-1 accuracies (in per cent) of DINO's weighted nearest neighbours and of
logistic regression, as JSON.
"""

import json
import sys

import numpy
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

train, evaluation = load_file(sys.argv[1]), load_file(sys.argv[2])
k, temperature, c = int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
neighbours = KNeighborsClassifier(
    n_neighbors=k,
    metric="cosine",
    algorithm="brute",
    weights=lambda distance: numpy.exp((1 - distance) / temperature),
)
regression = LogisticRegression(C=c, tol=1e-8, max_iter=100_000)
accuracies = {}
for name, model in [("knn", neighbours), ("logistic", regression)]:
    model.fit(train["features"].astype(numpy.float64), train["labels"])
    accuracies[name] = 100 * model.score(evaluation["features"].astype(numpy.float64), evaluation["labels"])
print(json.dumps(accuracies))
