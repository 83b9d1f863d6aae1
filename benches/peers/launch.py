#!/usr/bin/env python3
"""What starting a run costs, beside Hydra's and submitit's launchers on this machine; and how fast a large record answers.

    python benches/peers/launch.py --vicmae target/release/vicmae [--runs 20] [--rounds 3] [--jobs 1 2 20]
    python benches/peers/launch.py --vicmae target/release/vicmae --status [--rounds 5]

Prints a Markdown table: medians over rounds, in which all take turns. Everything is written below $TMPDIR.
"""

import argparse
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import dropwhile
from pathlib import Path

CORES = len(os.sched_getaffinity(0))


def timed(command, folder, **environment):
    """Seconds that a command takes."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return seconds


def timed_together(commands, jobs, folder, **environment):
    """Seconds that all of some commands take, `jobs` at a time."""
    began = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda command: timed(command, folder, **environment), commands))
    return time.perf_counter() - began


# ---------------------------------------------------------------- launching: vicmae

# An untrained encoder of a few thousand numbers is the least work that there is.
TEMPLATE = """
random_init:
  model: { vit: { width: 16, depth: 1, heads: 2 }, image: 32, patch: 8, decoder: { width: 16, depth: 1, heads: 2 } }
  seed: {{ seed }}
"""
RUN = "`vicmae run --json`"
EXPERIMENT = "experiment: launch\nquestion: What does a run cost that does nothing?\ntemplate: nothing\n"


def make_project(folder):
    (folder / "templates/run").mkdir(parents=True)
    (folder / "templates/run/nothing.yaml.j2").write_text(TEMPLATE)
    (folder / "launch.yaml").write_text(EXPERIMENT)


def run_vicmae(vicmae, folder, runs, jobs):
    make_project(folder)
    # With `--json` no report is made, which no peer makes either.
    options = ["--json", "--set", f"seeds={runs}", "--jobs", str(jobs), "--device", "cpu"]
    return timed([vicmae, "run", "launch.yaml", *options], folder)


def run_workers(vicmae, run_files, folder, runs, jobs):
    """The worker processes of the same runs, started by hand."""
    commands = []
    for number, run_file in enumerate(run_files[:runs]):
        run = folder / str(number)
        run.mkdir()
        shutil.copy(run_file, run)
        commands.append([vicmae, "worker", run, "--device", "cpu"])
    return timed_together(commands, jobs, folder, RAYON_NUM_THREADS=str(max(1, CORES // jobs)))


def phases(results, jobs):
    """Of every run, by its files: seconds from spawning to the first event, from there to the last, and to the next spawn."""
    spawned, first, last = [], [], []
    for run in (results / "runs").iterdir():
        # The folder of the attempt is made just before the process is.
        spawned.append((run / "attempts").stat().st_mtime)
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        first.append(datetime.fromisoformat(events[0]["at"]).timestamp())
        last.append(datetime.fromisoformat(events[-1]["at"]).timestamp())
    return {
        "from spawning a worker to its first event": [b - a for a, b in zip(spawned, first)],
        "from its first event to its last": [b - a for a, b in zip(first, last)],
        # The run that ends k-th makes room for the one that is spawned `jobs` later.
        "from its last event to spawning the next": [b - a for a, b in zip(sorted(last), sorted(spawned)[jobs:])],
    }


# ---------------------------------------------------------------- launching: the peers

HYDRA = """
import hydra

@hydra.main(version_base=None, config_path=None)
def main(config):
    pass

main()
"""

# The next is submitted when the oldest is done. `result` looks once a second; `eager` looks every 10 ms before it asks for it.
SUBMITIT = """
import sys
import time
import submitit

def nothing():
    pass

def result(job):
    while eager and not job.done():
        time.sleep(0.01)
    job.result()

runs, jobs, eager = map(int, sys.argv[1:])
executor = submitit.LocalExecutor("log")
waiting = []
for _ in range(runs):
    waiting.append(executor.submit(nothing))
    if len(waiting) == jobs:
        result(waiting.pop(0))
for job in waiting:
    result(job)
"""


def run_hydra(*options):
    def run(folder, runs, jobs):
        (folder / "main.py").write_text(HYDRA)
        filled = [option.format(jobs=jobs) for option in options]
        sweep = ["--multirun", "+seed=" + ",".join(map(str, range(runs))), "hydra.sweep.dir=sweep"]
        return timed([sys.executable, "main.py", *sweep, *filled], folder)

    return run


def run_submitit(eager):
    def run(folder, runs, jobs):
        (folder / "main.py").write_text(SUBMITIT)
        return timed([sys.executable, "main.py", str(runs), str(jobs), str(int(eager))], folder)

    return run


def run_python(folder, runs, jobs):
    return timed_together([[sys.executable, "-c", "pass"]] * runs, jobs, folder)


# What each peer is called, the module that it needs, and how it is run.
PEERS = [
    ("submitit, `LocalExecutor`", "submitit", run_submitit(eager=False)),
    ("the same, looked at every 10 ms", "submitit", run_submitit(eager=True)),
    (
        "Hydra, `submitit_local` launcher",
        "hydra_plugins.hydra_submitit_launcher",
        run_hydra("hydra/launcher=submitit_local", "hydra.sweeper.max_batch_size={jobs}"),
    ),
    (
        "Hydra, `joblib` launcher (its processes stay)",
        "hydra_plugins.hydra_joblib_launcher",
        run_hydra("hydra/launcher=joblib", "hydra.launcher.n_jobs={jobs}"),
    ),
    ("Hydra, basic launcher (no process a run)", "hydra", run_hydra()),
    ("`python -c pass`", "sys", run_python),
]
ONE_AT_A_TIME = {"Hydra, basic launcher (no process a run)"}


def installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def peers():
    """The peers that are installed."""
    for name, module, _ in PEERS:
        if not installed(module):
            print(f"left out, because {module} is not installed: {name}", file=sys.stderr)
    return {name: run for name, module, run in PEERS if installed(module)}


# ---------------------------------------------------------------- launching: the measurement


def launch(args, work):
    made = work / "made"
    made.mkdir()
    run_vicmae(args.vicmae, made, args.runs, CORES)
    run_files = sorted(made.glob("results/runs/*/run.yaml"))
    ways = {
        RUN: lambda *how: run_vicmae(args.vicmae, *how),
        "`vicmae worker` by hand": lambda *how: run_workers(args.vicmae, run_files, *how),
        **peers(),
    }
    seconds, found = defaultdict(list), defaultdict(list)
    for turn in range(args.rounds):
        for jobs in args.jobs:
            names = [name for name in ways if jobs == 1 or name not in ONE_AT_A_TIME]
            for name in random.Random(turn).sample(names, len(names)):
                for runs in {args.runs, jobs}:
                    folder = Path(tempfile.mkdtemp(dir=work))
                    seconds[jobs, name, runs].append(ways[name](folder, runs, jobs))
                    if name == RUN and runs == args.runs:
                        for phase, times in phases(folder / "results", jobs).items():
                            found[phase, jobs] += times
    medians = {key: statistics.median(times) for key, times in seconds.items()}
    print(f"{args.runs} runs that do next to nothing; milliseconds a run, medians of {args.rounds} rounds.\n")
    print("| what | at a time | whole command | each further run | times vicmae |\n|---|---|---|---|---|")
    for jobs in args.jobs:
        tell_ways(args.runs, jobs, [name for name in ways if (jobs, name, jobs) in medians], medians)
    tell_phases(found)


def tell_ways(runs, jobs, names, seconds):
    """A row a way, and one for the engine: vicmae less its bare workers."""
    whole = {name: 1000 * seconds[jobs, name, runs] / runs for name in names}
    # What the program itself takes to start, once, is in the time of the first runs.
    grown = {name: 1000 * (seconds[jobs, name, runs] - seconds[jobs, name, jobs]) for name in names}
    further = {name: grown[name] / (runs - jobs) if runs > jobs else None for name in names}
    vicmae, workers = names[:2]
    for name in names:
        print(f"| {name} | {jobs} | {whole[name]:.1f} | {shown(further[name])} | {whole[name] / whole[vicmae]:.2f} |")
    more = further[vicmae] - further[workers] if runs > jobs else None
    print(f"| **engine**: the first row less the second | {jobs} | {whole[vicmae] - whole[workers]:.1f} | {shown(more)} | |")


def shown(milliseconds):
    return "-" if milliseconds is None else f"{milliseconds:.1f}"


def tell_phases(found):
    print("\nEvery run of vicmae, by its files; milliseconds.\n")
    print("| phase | at a time | median | highest |\n|---|---|---|---|")
    for (phase, jobs), times in found.items():
        if times:
            print(f"| {phase} | {jobs} | {1000 * statistics.median(times):.1f} | {1000 * max(times):.1f} |")


# ---------------------------------------------------------------- a record of 10,000 runs

# The grid of benches/plan.rs: 5,000 pretraining runs, and a transfer each.
WIDE = """
experiment: wide
question: How fast does a record of 10,000 runs answer?
template: quick
with: { data: pictures, source: image_folder }
axes:
  method: [vic_mae, mae_vicreg]
  mask_ratio: [0.5, 0.6, 0.7, 0.8, 0.9]
  weight: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
seeds: 50
transfer:
  knn: { template: knn, with: { train: pictures, eval: pictures } }
"""
METRICS = ["loss", "loss.reconstruction", "loss.global", "learning_rate", "gradient_norm"]
ROWS = 20
# Without a report, which `--json` leaves out.
NOTHING_TO_DO = ["run", "wide.yaml", "--json", "--device", "cpu"]


def kinds(stage):
    """What happens to a run that goes well."""
    yield {"started": {"host": "bench", "device": "CPU", "from_step": 0, "steps": 10 * ROWS}}
    if stage == "pretrain":
        for row in range(1, ROWS + 1):
            yield {"measured": {"step": 10 * row, "values": {name: row + 0.125 for name in METRICS}}}
        yield {"saved": {"step": 10 * ROWS, "path": "checkpoints/model.safetensors"}}
    else:
        yield {"measured": {"step": 1, "values": {"top1_k20": 50.0}}}
    yield {"finished": {"seconds": 1.5}}


def make_record(vicmae, folder):
    """Leaves what an engine would have left of runs that are all done. Returns the number of runs."""
    (folder / "pictures/one").mkdir(parents=True)
    (folder / "pictures/one/a.png").write_bytes(b"only its name and size are looked at")
    (folder / "wide.yaml").write_text(WIDE)
    ask = [vicmae, "plan", "wide.yaml"]
    runs = json.loads(subprocess.check_output([*ask, "--json"], cwd=folder))["runs"]
    works = {}
    for run in runs:
        if run["stage"] not in works:
            # The work of one run of a stage stands for all: the record keeps it and does not look into it.
            shown = subprocess.check_output([*ask, "--show", run["id"]], cwd=folder, text=True).splitlines(keepends=True)
            works[run["stage"]] = "".join(dropwhile(lambda line: not line.startswith(("data:", "work:")), shown))
        write_run(folder / "results/runs" / run["id"], run, works[run["stage"]])
    # It finds nothing to do, and makes the record.
    timed([vicmae, *NOTHING_TO_DO], folder)
    return len(runs)


def write_run(folder, run, work):
    (folder / "attempts/1").mkdir(parents=True)
    # JSON values are YAML values.
    head = [f"{key}: {json.dumps(run[key])}\n" for key in ["id", "name", "stage", "parents"]]
    (folder / "run.yaml").write_text("".join(head) + work)
    about = {"run": run["id"], "attempt": 1}
    stamped = enumerate(kinds(run["stage"]))
    events = ({**about, "seq": seq, "at": "2026-01-01T00:00:00Z", "kind": kind} for seq, kind in stamped)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def status(args, work):
    count = make_record(args.vicmae, work)
    ways = {
        "`vicmae plan`, nothing is done": ["plan", "wide.yaml", "--results", "none"],
        "`vicmae plan`, all is done": ["plan", "wide.yaml"],
        "`vicmae plan --json`, all is done": ["plan", "wide.yaml", "--json"],
        "`vicmae status`": ["status"],
        "`vicmae status wide`": ["status", "wide"],
        "`vicmae run --json`, nothing to do": NOTHING_TO_DO,
        "`vicmae reindex`": ["reindex"],
    }
    seconds = defaultdict(list)
    for _ in range(args.rounds):
        for name, command in ways.items():
            seconds[name].append(timed([args.vicmae, *command], work))
    print(f"A record of {count:,} runs, {count // 2 * ROWS * len(METRICS):,} measurements; medians of {args.rounds}.\n")
    print("| command | seconds | lowest | highest |\n|---|---|---|---|")
    for name, times in seconds.items():
        print(f"| {name} | {statistics.median(times):.3f} | {min(times):.3f} | {max(times):.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vicmae", type=Path, required=True, help="the program that is measured")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="runs at a time")
    parser.add_argument("--rounds", type=int, help="of which the median is told (3, with --status 5)")
    parser.add_argument("--status", action="store_true", help="measure a record of 10,000 runs instead")
    args = parser.parse_args()
    args.vicmae = args.vicmae.resolve()
    args.rounds = args.rounds or (5 if args.status else 3)
    with tempfile.TemporaryDirectory() as work:
        (status if args.status else launch)(args, Path(work))


if __name__ == "__main__":
    main()
