"""Do other programs read every number of an export? export_read_back.py EXPORTS NUMBERS

EXPORTS holds the folders csv, parquet, tensorboard and mlflow: exports of one experiment. NUMBERS is a JSON list of all numbers that
they must hold, {"run", "metric", "step", "value"}, with null for what is not a number. Each export is read by the programs that it is
made for: CSV and Parquet by Polars and Arrow, event files by TensorBoard, the file store by `mlflow migrate-filestore` and then by
MLflow's client. The numbers must be equal, to 32 bits for TensorBoard, and there must be no others. Prints what was read.

Needs: pyarrow polars tensorboard mlflow-skinny sqlalchemy alembic
"""

import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import polars
import pyarrow.csv
import pyarrow.parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

COLUMNS = ["run", "metric", "step", "value"]


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def same(one, other):
    return one == other or math.isnan(one) and math.isnan(other)


def compare(reader, expected, found):
    """`found` yields run, metric, step and value."""
    numbers = {}
    for run, metric, step, value in found:
        assert (run, metric, step) not in numbers, f"{reader} reads twice: {run} {metric} {step}"
        numbers[run, metric, step] = value
    missing, extra = expected.keys() - numbers.keys(), numbers.keys() - expected.keys()
    assert not missing, f"{reader} does not read {len(missing)}, as {min(missing)}"
    assert not extra, f"{reader} reads {len(extra)} that were not measured, as {min(extra)}"
    wrong = [(key, value, numbers[key]) for key, value in expected.items() if not same(value, numbers[key])]
    assert not wrong, f"{reader} reads {len(wrong)} otherwise, as {wrong[0]}"
    print(f"{reader}: {len(numbers)} numbers, all equal")


def tables(folder, expected):
    """The table of numbers, and that of runs, whose configuration and state must be there."""
    read_csv = lambda path: polars.read_csv(path, infer_schema_length=None)
    # Arrow takes `NaN` for nothing unless it is told otherwise.
    told = pyarrow.csv.ConvertOptions(null_values=[""], column_types={"value": pyarrow.float64()})
    arrow_csv = lambda path: polars.from_arrow(pyarrow.csv.read_csv(path, convert_options=told))
    arrow_parquet = lambda path: polars.from_arrow(pyarrow.parquet.read_table(path))
    for reader, read, kind in [
        ("polars, csv", read_csv, "csv"),
        ("arrow, csv", arrow_csv, "csv"),
        ("polars, parquet", polars.read_parquet, "parquet"),
        ("arrow, parquet", arrow_parquet, "parquet"),
    ]:
        numbers = read(folder / kind / f"metrics.{kind}")
        types = [numbers.schema[column] for column in COLUMNS]
        assert types == [polars.String, polars.String, polars.Int64, polars.Float64], f"{reader}: {numbers.schema}"
        compare(reader, expected, numbers.select(COLUMNS).iter_rows())
        runs = read(folder / kind / f"runs.{kind}")
        assert {run for run, _, _ in expected} <= set(runs["run"]) and runs["run"].is_unique().all(), reader
        assert runs["state"].null_count() == 0 and any(name.startswith("config.") for name in runs.columns), reader


def tensorboard(folder, expected):
    runs = {run[:12]: run for run, _, _ in expected}

    def scalars():
        for place in sorted(folder.iterdir()):
            events = EventAccumulator(str(place), size_guidance={"scalars": 0})
            events.Reload()
            for tag in events.Tags()["scalars"]:
                for scalar in events.Scalars(tag):
                    yield runs[place.name[-12:]], tag, scalar.step, scalar.value

    compare("tensorboard", {key: single(value) for key, value in expected.items()}, scalars())


def mlflow(folder, expected):
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as scratch:
        database = f"sqlite:///{scratch}/mlflow.db"
        migrate = ["-m", "mlflow", "migrate-filestore", "--source", str(folder / "mlruns"), "--target", database]
        subprocess.run([sys.executable, *migrate], check=True, stdout=subprocess.DEVNULL)
        client = MlflowClient(database)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments, max_results=50000)
        assert all(run.data.params and run.data.tags["mlflow.runName"] for run in runs)

        def history():
            for run in runs:
                for metric in run.data.metrics:
                    for measured in client.get_metric_history(run.info.run_id, metric):
                        yield run.info.run_id, metric, measured.step, measured.value

        compare("mlflow", expected, history())


def main(folder, numbers):
    rows = json.loads(Path(numbers).read_text())
    value = lambda row: math.nan if row["value"] is None else row["value"]
    expected = {(row["run"], row["metric"], row["step"]): value(row) for row in rows}
    assert expected and len(expected) == len(rows), f"{numbers} holds nothing, or something twice"
    tables(folder, expected)
    tensorboard(folder / "tensorboard", expected)
    mlflow(folder / "mlflow", expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
