#!/usr/bin/env python3
"""How long the report of 10,000 runs of 1,000 points takes, beside MLflow's search over as many runs.

    python benches/peers/report.py --vicmae target/release/vicmae [--rounds 5] [--mlflow-runs 10000]

The record is that of launch.py --status with 1,000 points put into each run. The report has a table with a baseline, a line plot and a
heat map over all of them, and the curves of a thousand runs. MLflow gets the last number of each run and its parameters, by its own
client, and answers the table's question: search_runs, then mean, deviation and count by group. Needs mlflow-skinny, sqlalchemy and
alembic. Everything is written below $TMPDIR.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import launch

REPORT = """
report:
  tables:
    - { rows: method, columns: mask_ratio, cell: knn.top1, baseline: mae_vicreg, average: weight }
  plots:
    - line: { x: mask_ratio, y: knn.top1, color: method, filter: "weight == 0.1" }
    - heatmap: { x: weight, y: mask_ratio, value: knn.top1, filter: "method == 'vic_mae'" }
    - curves: { metric: loss, color: mask_ratio, filter: "weight == 0.1" }
"""
POINTS = """
INSERT OR REPLACE INTO measurements (run_key, metric_key, step, attempt, seq, value)
WITH RECURSIVE steps (step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM steps WHERE step < 1000)
SELECT cards.key, metrics.key, step, 1, step + 10, 50 + (cards.key * 7919 + step * 31) % 1000 / 100.0
FROM cards JOIN metrics ON metrics.name = CASE cards.stage WHEN 'knn' THEN 'top1' ELSE 'loss' END, steps
"""


def fill(results):
    database = sqlite3.connect(results / "lab.sqlite")
    database.execute("INSERT OR IGNORE INTO metrics (name, title, unit, better) VALUES ('top1', 'Top-1 accuracy', '%', 'higher')")
    database.execute(POINTS)
    database.commit()
    count = database.execute("SELECT count(*) FROM measurements").fetchone()[0]
    database.close()
    return count


def vicmae(args, work):
    runs = launch.make_record(args.vicmae, work)
    points = fill(work / "results")
    experiment = work / "wide.yaml"
    experiment.write_text(experiment.read_text() + REPORT)
    seconds = [launch.timed([args.vicmae, "report", "wide.yaml"], work) for _ in range(args.rounds)]
    print(f"| `vicmae report`, {runs:,} runs, {points:,} points: tables, three plots, pages | {statistics.median(seconds):.2f} |")


def mlflow(args, work):
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{work}/mlflow.db")
    experiment = client.create_experiment("wide")
    grid = [(m, r, w, s) for m in ("vic_mae", "mae_vicreg") for r in (0.5, 0.6, 0.7, 0.8, 0.9) for w in range(20) for s in range(50)]
    for method, ratio, weight, seed in grid[: args.mlflow_runs]:
        run = client.create_run(experiment)
        values = {"method": method, "mask_ratio": ratio, "weight": weight, "seed": seed}
        params = [Param(name, str(value)) for name, value in values.items()]
        client.log_batch(run.info.run_id, metrics=[Metric("top1", 50.0 + seed / 10, 0, 1000)], params=params)
    seconds = []
    for _ in range(args.rounds):
        began = time.perf_counter()
        groups, token = {}, None
        while True:
            page = client.search_runs([experiment], max_results=50_000, page_token=token)
            for run in page:
                params = run.data.params
                groups.setdefault((params["method"], params["mask_ratio"]), []).append(run.data.metrics["top1"])
            token = page.token
            if not token:
                break
        table = {key: (statistics.mean(values), statistics.stdev(values), len(values)) for key, values in groups.items()}
        seconds.append(time.perf_counter() - began)
    print(f"| MLflow, {len(grid[: args.mlflow_runs]):,} runs with one number each: search_runs and the {len(table)} cells of the table | "
          f"{statistics.median(seconds):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vicmae", type=lambda path: Path(path).resolve(), required=True, help="the program that is measured")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mlflow-runs", type=int, default=10_000, help="runs that MLflow gets, one after another")
    args = parser.parse_args()
    print("| what | seconds |\n|---|---|")
    for measure in (vicmae, mlflow):
        with tempfile.TemporaryDirectory() as work:
            measure(args, Path(work))


if __name__ == "__main__":
    main()
