#!/usr/bin/env python3
"""`vicmae pack` beside the ffmpeg program doing the same decoding and scaling, alternating, by CPU time and by wall time.

    python benches/peers/pack.py target/release/vicmae VIDEOS... [--rounds 5] [--short-side 128] [--copies 4]

One line of JSON a figure; medians over rounds. `share` is ffmpeg's CPU time over vicmae's (with the ffmpeg that it starts): 1 is
as fast, 0.9 is within 10 %.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def timed(run):
    def cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, began = cpu(), time.perf_counter()
    run()
    return cpu() - before, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vicmae")
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--short-side", type=int, default=128)
    parser.add_argument("--copies", type=int, default=4, help="of every video, so that starting up counts for little")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        source, out = Path(work, "source"), Path(work, "set")
        source.mkdir()
        for copy in range(args.copies):
            for video in args.videos:
                os.symlink(Path(video).resolve(), source / f"{copy}-{Path(video).name}")
        films = sorted(source.iterdir())
        side = args.short_side
        scale = f"min(1,{side}/min(iw*sar,ih))"
        scale = f"scale=w='max(1,round(iw*sar*{scale}))':h='max(1,round(ih*{scale}))',format=rgb24"

        def ffmpeg(output):
            def run():
                for film in films:
                    command = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(film), "-an", *output]
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

            return run

        def pack(*options):
            def run():
                shutil.rmtree(out, ignore_errors=True)
                command = [args.vicmae, "pack", str(source), "--out", str(out), "--jobs", "1", "--short-side", str(side)]
                subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

            return run

        ways = {
            "ffmpeg, decode only": ffmpeg(["-f", "null", "-"]),
            "ffmpeg, decode and scale to rgb": ffmpeg(["-vf", scale, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"]),
            "vicmae pack, all frames raw": pack("--frames", "all", "--encoding", "raw"),
            "vicmae pack, all frames jpeg": pack("--frames", "all", "--encoding", "jpeg"),
            "vicmae pack, 16 frames raw": pack("--frames", "16", "--encoding", "raw"),
            "vicmae pack, 16 frames jpeg": pack("--frames", "16", "--encoding", "jpeg"),
        }
        taken = {name: [] for name in ways}
        for _ in range(args.rounds):
            for name, run in ways.items():
                taken[name].append(timed(run))
        base = statistics.median(cpu for cpu, _ in taken["ffmpeg, decode and scale to rgb"])
        for name, times in taken.items():
            cpu, wall = (statistics.median(column) for column in zip(*times))
            figure = {"what": name, "clips": len(films), "clips_per_cpu_second": round(len(films) / cpu, 2)}
            print(json.dumps({**figure, "cpu_seconds": round(cpu, 2), "wall_seconds": round(wall, 2), "share": round(base / cpu, 3)}))


if __name__ == "__main__":
    main()
