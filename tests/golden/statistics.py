"""Writes statistics.json: what numpy, scipy and statsmodels say of some forty sets of numbers.

A t test or a bootstrap of numbers without a spread is null, as is the signed-rank test of nothing but zeros: there scipy
gives 0, 1 or not a number, and this project nothing. Needs numpy, scipy and statsmodels.
"""

import itertools
import json
import pathlib
import platform
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import scipy
import statsmodels
from scipy import special, stats
from statsmodels.stats.multitest import multipletests

RESAMPLES = 10_000
REPEATS = 200
EXACT = 5


def exact_mean(values):
    """The mean of decimals, rounded once: resamples that are equal on paper are equal."""
    return float(sum(Fraction(str(float(value))) for value in values) / len(values))


def bootstrap(values):
    """The BCa interval of the mean, and the standard error that chance gives its ends.

    Few values: of all n^n resamples, without such an error. Else the mean and standard deviation of many intervals.
    """
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    if len(values) <= EXACT:
        means = [exact_mean(sample) for sample in itertools.product(values, repeat=len(values))]
        known = SimpleNamespace(bootstrap_distribution=np.array(means))
        found = stats.bootstrap((values,), exact_mean, vectorized=False, n_resamples=0, bootstrap_result=known, method="BCa")
        return {"interval": list(map(float, found.confidence_interval)), "error": [0.0, 0.0]}
    one = lambda seed: stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=seed)
    ends = np.array([one(seed).confidence_interval for seed in range(REPEATS)])
    return {"interval": ends.mean(axis=0).tolist(), "error": ends.std(axis=0, ddof=1).tolist()}


def signed_rank(differences):
    if not np.any(differences):
        return None
    return float(stats.wilcoxon(differences, zero_method="wilcox", correction=False, method="auto").pvalue)


def t_test(found, effect):
    return {"p": float(found.pvalue), "interval": list(map(float, found.confidence_interval(0.95))), "effect": float(effect)}


def paired(a, b):
    differences = a - b
    spread = len(a) > 1 and np.std(differences) > 0
    test = t_test(stats.ttest_rel(a, b), np.mean(differences) / np.std(differences, ddof=1)) if spread else None
    return {"difference": float(np.mean(differences)), "test": test, "wilcoxon": signed_rank(differences)}


def hedges_g(a, b):
    """With the exact correction of Hedges (1981), not the usual 1 - 3 / (4 m - 1)."""
    m = len(a) + len(b) - 2
    pooled = np.sqrt(((len(a) - 1) * np.var(a, ddof=1) + (len(b) - 1) * np.var(b, ddof=1)) / m)
    return (np.mean(a) - np.mean(b)) / pooled * special.gamma(m / 2) / (np.sqrt(m / 2) * special.gamma((m - 1) / 2))


def welch(a, b):
    spread = min(len(a), len(b)) > 1 and np.std(a) + np.std(b) > 0
    test = t_test(stats.ttest_ind(a, b, equal_var=False), hedges_g(a, b)) if spread else None
    return {"difference": float(np.mean(a) - np.mean(b)), "test": test}


def sample(name, values):
    values = np.array(values, dtype=float)
    n, mean = len(values), np.mean(values)
    std = np.std(values, ddof=1) if n > 1 else None
    interval = stats.t.interval(0.95, n - 1, mean, std / np.sqrt(n)) if n > 1 and std > 0 else None
    return {
        "name": name,
        "values": values.tolist(),
        "mean": float(mean),
        "std": None if std is None else float(std),
        "median": float(np.median(values)),
        "quartiles": np.quantile(values, [0.25, 0.75]).tolist(),
        "interval": None if interval is None else list(map(float, interval)),
        "bootstrap": bootstrap(values),
        "signed_rank": signed_rank(values),
    }


def comparison(name, a, b):
    a, b = np.array(a, dtype=float), np.array(b, dtype=float)
    both = paired(a, b) if len(a) == len(b) else None
    return {"name": name, "a": a.tolist(), "b": b.tolist(), "paired": both, "welch": welch(a, b)}


def adjustment(name, p):
    return {"name": name, "p": p, "holm": multipletests(p, method="holm")[1].tolist()}


rng = np.random.default_rng(2024)


def normal(n, mean=0.0, std=1.0, digits=3):
    return rng.normal(mean, std, n).round(digits)


samples = [
    sample("one", [3.7]),
    sample("two", [63.2, 64.9]),
    sample("three accuracies", [63.1, 64.0, 66.5]),
    sample("three, two of them equal", [0.5, 0.5, 0.75]),
    sample("three, of both signs", [-1.2, 0.4, 2.9]),
    sample("four, skewed", [0.1, 0.2, 0.4, 9.3]),
    sample("five accuracies", [71.2, 70.4, 72.9, 71.8, 70.9]),
    sample("five equal", [0.5] * 5),
    sample("five zeros", [0.0] * 5),
    sample("five, some zeros", [0.0, 0.0, 1.0, -2.0, 4.0]),
    sample("five tiny", [1.1e-30, 2.3e-30, 1.7e-30, 1.2e-30, 4.1e-30]),
    sample("five huge", [1.1e30, -2.3e30, 1.7e30, 1.2e30, 4.1e30]),
    sample("five far from zero", [100000.1, 100000.3, 100000.2, 100000.9, 100000.4]),
    sample("six", normal(6, 64, 1)),
    sample("eight, ties and zeros", [0.25, -0.25, 0.0, 1.5, 1.5, -0.5, 2.0, 0.0]),
    sample("thirteen, ties", [0.25, 0.5, 0.5, -0.25, 1.0, 1.0, 1.25, -0.75, 2.0, 1.75, 0.25, -0.5, 3.0]),
    sample("fourteen, ties", [0.25, 0.5, 0.5, -0.25, 1.0, 1.0, 1.25, -0.75, 2.0, 1.75, 0.25, -0.5, 3.0, 0.75]),
    sample("twenty, skewed", rng.exponential(1.0, 20).round(3)),
    sample("thirty", normal(30, 0.3, 1)),
    sample("thirty, ties and zeros", rng.integers(-3, 6, 30) / 4),
    sample("thirty tiny", (normal(30, 1, 1) * 1e-30)),
    sample("fifty", normal(50, 0.2, 1, digits=6)),
    sample("fifty-one", normal(51, 0.2, 1, digits=6)),
    sample("sixty", normal(60, 70, 3)),
    sample("sixty, one far out", np.append(normal(59, 0, 1), 40.0)),
]
before = normal(30, 64, 2)
comparisons = [
    comparison("one each", [1.5], [1.0]),
    comparison("two each", [64.1, 65.3], [63.0, 63.5]),
    comparison("three each", [64.1, 65.3, 66.2], [63.0, 63.5, 64.9]),
    comparison("three each, no difference", [0.5, 0.75, 1.0], [0.75, 1.0, 0.5]),
    comparison("three equal and three", [0.5, 0.5, 0.5], [0.25, 0.75, 0.625]),
    comparison("the same shift always", [1.5, 2.5, 3.0], [1.0, 2.0, 2.5]),
    comparison("all equal", [0.5] * 4, [0.5] * 4),
    comparison("five tiny each", [1.1e-30, 2.3e-30, 1.7e-30, 1.2e-30, 4.1e-30], [2e-31, 1e-31, 5e-31, 4e-31, 3e-31]),
    comparison("five huge each", [1.1e30, 2.3e30, 1.7e30, 1.2e30, 4.1e30], [2e29, 1e29, 5e29, 4e29, 3e29]),
    comparison("five each far from zero", normal(5, 1e5, 1), normal(5, 1e5, 1)),
    comparison("two and thirty", normal(2, 65, 1), normal(30, 64, 2)),
    comparison("five and three", normal(5, 65, 4), normal(3, 64, 0.1)),
    comparison("thirty each", before + normal(30, 1, 1), before),
    comparison("thirty each, far apart", before + normal(30, 40, 1), before),
    comparison("sixty each", normal(60, 70, 3), normal(60, 69, 1)),
    comparison("sixty and thirty", normal(60, 70, 3), before),
]
adjustments = [
    adjustment("one", [0.03]),
    adjustment("two", [0.03, 0.02]),
    adjustment("ties", [0.01, 0.01, 0.2, 0.01]),
    adjustment("edges", [1.0, 0.0, 0.9, 1e-300]),
    adjustment("twelve", rng.uniform(0, 0.1, 12).tolist()),
    adjustment("sixty", (rng.uniform(0, 1, 60) ** 4).tolist()),
]
versions = {
    "python": platform.python_version(),
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "statsmodels": statsmodels.__version__,
}


def lines(rows):
    return "[\n" + ",\n".join("    " + json.dumps(row, allow_nan=False) for row in rows) + "\n  ]"


parts = {"samples": lines(samples), "comparisons": lines(comparisons), "adjustments": lines(adjustments)}
text = ",\n".join([f'  "versions": {json.dumps(versions)}'] + [f'  "{name}": {rows}' for name, rows in parts.items()])
pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + text + "\n}\n")
