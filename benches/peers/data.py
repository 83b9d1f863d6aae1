#!/usr/bin/env python3
"""Peer measurements for the data benchmarks: video decode, random frames, image views.

Every figure is one line of JSON on stdout. A figure is the median over rounds of
units per second of CPU time (all threads of the process together); the peers take
turns within each round. Notes, and files left out, go to stderr. See README.md.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("DECORD_LOG_LEVEL", "32")

VIDEO_ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}


def note(text):
    print(text, file=sys.stderr, flush=True)


def one_thread():
    import torch

    torch.set_num_threads(1)
    return torch


def list_files(paths, endings):
    """The files named, and those below the directories named, in a fixed order."""
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in endings)
        else:
            found.append(path)
    if not found:
        sys.exit("no input files")
    return [str(p) for p in found]


# ---------------------------------------------------------------- measuring


def own_cpu():
    return time.process_time()


def child_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(what, peers, args):
    """Time `peers`, {name: (run, clock)}, in turn, and print their figures.

    `run(seed)` does one whole pass over the inputs and returns {unit: count}. Only
    whole passes count, so all peers do the same mix of work.
    """
    rows = {name: [] for name in peers}
    for name, (run, _) in peers.items():
        run(0)  # warm-up: caches, lazy imports, page faults
    order = list(peers)
    for turn in range(args.rounds):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            run, clock = peers[name]
            counts, seed = {}, 1000 * (turn + 1)
            cpu0, wall0 = clock(), time.perf_counter()
            while True:
                for unit, count in run(seed).items():
                    counts[unit] = counts.get(unit, 0) + count
                seed += 1
                cpu = clock() - cpu0
                if cpu >= args.seconds:
                    break
            rows[name].append((counts, cpu, time.perf_counter() - wall0))
    for name in order:
        for unit in rows[name][0][0]:
            by_cpu = [counts[unit] / cpu for counts, cpu, _ in rows[name]]
            by_wall = [counts[unit] / wall for counts, _, wall in rows[name]]
            figure = {
                "what": what,
                "peer": name,
                "per_second": round(statistics.median(by_cpu), 2),
                "unit": unit,
                "cpu_seconds": round(sum(cpu for _, cpu, _ in rows[name]), 3),
                "n": sum(counts[unit] for counts, _, _ in rows[name]),
                "per_second_low": round(min(by_cpu), 2),
                "per_second_high": round(max(by_cpu), 2),
                "per_second_wall": round(statistics.median(by_wall), 2),
                "wall_seconds": round(sum(wall for _, _, wall in rows[name]), 3),
                "rounds": args.rounds,
            }
            print(json.dumps(figure), flush=True)


# ---------------------------------------------------------------- video decode


def decode_torchcodec(path):
    from torchcodec.decoders import VideoDecoder

    video = VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NHWC")
    count = 0
    for _ in video:  # as fast as small batches, and faster than large ones
        count += 1
    return count


def decode_decord(path):
    import decord

    video = decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1)
    count = 0
    for _ in range(len(video)):
        video.next().asnumpy()
        count += 1
    return count


def decode_pyav(path):
    import av
    from av.video.reformatter import VideoReformatter

    count = 0
    to_rgb = VideoReformatter()  # one for all frames: frame.to_ndarray makes one a frame
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
            count += 1
    return count


def ffmpeg_command(path, filters, extra=()):
    head = ["ffmpeg", "-nostdin", "-v", "error", *extra, "-threads", "1", "-i", path]
    head += ["-map", "0:v:0", "-fps_mode", "passthrough"]  # every frame once
    if filters is None:
        return head + ["-f", "null", "-"]
    head += ["-filter_threads", "1", "-threads", "1", "-vf", filters]
    return head + ["-f", "rawvideo", "-y", os.devnull]


def short_side_filter(side):
    return f"scale='if(lt(iw,ih),{side},-1)':'if(lt(iw,ih),-1,{side})',format=rgb24"


def count_ffmpeg(path):
    """Frames the ffmpeg program makes of `path` (not timed)."""
    done = subprocess.run(
        ffmpeg_command(path, "format=rgb24", ("-progress", "pipe:1")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["ffmpeg failed"])[-1])
    return int(re.findall(r"^frame=\s*(\d+)", done.stdout, re.M)[-1])


DECODERS = {
    "torchcodec": decode_torchcodec,
    "decord": decode_decord,
    "PyAV": decode_pyav,
    "ffmpeg": count_ffmpeg,
}


def check_worker(pipe, name):
    one_thread()
    while True:
        path = pipe.recv()
        if path is None:
            return
        try:
            pipe.send((DECODERS[name](path), None))
        except Exception as error:  # any failure leaves the file out
            text = str(error).strip().splitlines() or [type(error).__name__]
            pipe.send((None, text[0][:160]))


def readable(files, names, limit=60):
    """{file: frame count} for the files that every named peer reads alike.

    Each peer tries the files in a process of its own, since a bad file can crash
    or hang one of them.
    """
    context = multiprocessing.get_context("spawn")
    counts = {path: {} for path in files}
    for name in names:
        worker = None
        for path in files:
            if worker is None:
                pipe, far = context.Pipe()
                worker = context.Process(target=check_worker, args=(far, name), daemon=True)
                worker.start()
                far.close()
            pipe.send(path)
            try:
                answer = pipe.recv() if pipe.poll(limit) else (None, "timed out")
            except EOFError:
                answer = (None, "crashed")
            counts[path][name] = answer
            if answer[1] in ("timed out", "crashed"):
                worker.kill()
                worker.join()
                worker = None
        if worker is not None:
            pipe.send(None)
            worker.join()
    good = {}
    for path, answers in counts.items():
        failures = {n: error for n, (_, error) in answers.items() if error}
        numbers = {n: count for n, (count, error) in answers.items() if not error}
        if failures:
            note(f"left out {path}: " + "; ".join(f"{n}: {e}" for n, e in failures.items()))
        elif len(set(numbers.values())) != 1 or 0 in numbers.values():
            note(f"left out {path}: frame counts differ: {numbers}")
        else:
            good[path] = next(iter(numbers.values()))
    if not good:
        sys.exit("no file is readable by every peer")
    note(f"{len(good)} of {len(files)} files, {sum(good.values())} frames")
    return good


def cmd_decode(args):
    one_thread()
    good = readable(list_files(args.inputs, VIDEO_ENDINGS), list(DECODERS))
    whole = {"clips": len(good), "frames": sum(good.values())}

    def library(decode):
        def run(_seed):
            return {"clips": len(good), "frames": sum(decode(path) for path in good)}

        return run, own_cpu

    def program(filters):
        def run(_seed):
            for path in good:
                subprocess.run(
                    ffmpeg_command(path, filters), check=True, stderr=subprocess.DEVNULL
                )
            return whole

        return run, child_cpu

    def start_up(_seed):
        for _ in range(10):
            subprocess.run(["ffmpeg", "-version"], check=True, stdout=subprocess.DEVNULL)
        return {"starts": 10}

    side = args.short_side
    measure(
        "decode",
        {
            "torchcodec": library(decode_torchcodec),
            "decord": library(decode_decord),
            "PyAV": library(decode_pyav),
            "ffmpeg program, decode only": program(None),
            "ffmpeg program, rgb": program("format=rgb24"),
            f"ffmpeg program, rgb short side {side}": program(short_side_filter(side)),
            "ffmpeg program, start-up": (start_up, child_cpu),
        },
        args,
    )


# ---------------------------------------------------------------- random pairs


def cmd_random_pairs(args):
    one_thread()
    import decord
    from torchcodec.decoders import VideoDecoder

    files = list_files(args.inputs, VIDEO_ENDINGS)
    good = {p: n for p, n in readable(files, ["torchcodec", "decord"]).items() if n >= 2}
    if not good:
        sys.exit("no file has two frames")

    repeats = -(-args.pairs // len(good))  # pairs of each file in a pass

    def open_torchcodec(mode):
        return lambda path: VideoDecoder(
            path, num_ffmpeg_threads=1, dimension_order="NHWC", seek_mode=mode
        )

    def open_decord(path):
        return decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1)

    def read_torchcodec(video, pair):
        return video.get_frames_at(pair).data

    def read_decord(video, pair):
        return video.get_batch(pair).asnumpy()

    def peer(opener, read, kept):
        videos = {path: opener(path) for path in good} if kept else None

        def run(seed):
            draw = random.Random(seed)
            for path, frames in list(good.items()) * repeats:
                pair = draw.sample(range(frames), 2)
                assert len(read(videos[path] if kept else opener(path), pair)) == 2
            return {"pairs": len(good) * repeats}

        return run, own_cpu

    exact, approximate = open_torchcodec("exact"), open_torchcodec("approximate")
    peers = {
        "torchcodec": peer(exact, read_torchcodec, False),
        "torchcodec, approximate seek": peer(approximate, read_torchcodec, False),
        "decord": peer(open_decord, read_decord, False),
    }
    if len(good) <= args.keep_open:
        peers["torchcodec, kept open"] = peer(exact, read_torchcodec, True)
        peers["decord, kept open"] = peer(open_decord, read_decord, True)
    measure("random-pairs", peers, args)


# ---------------------------------------------------------------- image views


def load_jpegs(paths):
    files = list_files(paths, {".jpg", ".jpeg"})
    data = [Path(p).read_bytes() for p in files]
    note(f"{len(data)} JPEGs, {sum(map(len, data)) / len(data) / 1024:.1f} KiB each")
    return data


def view_peers(data, tensor_view, pil_view):
    """JPEG bytes to one u8 view, by torchvision v2 on tensors and by Pillow."""
    torch = one_thread()
    import numpy
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg

    tensors = [torch.frombuffer(bytearray(d), dtype=torch.uint8) for d in data]

    def run_v2(seed):
        torch.manual_seed(seed)
        for jpeg in tensors:
            view = tensor_view(decode_jpeg(jpeg, mode=ImageReadMode.RGB))
            assert view.shape == (3, 224, 224) and view.dtype == torch.uint8
        return {"views": len(tensors)}

    def run_pillow(seed):
        torch.manual_seed(seed)
        random.seed(seed)
        for jpeg in data:
            image = Image.open(io.BytesIO(jpeg)).convert("RGB")
            assert numpy.array(pil_view(image)).shape == (224, 224, 3)
        return {"views": len(data)}

    return {"torchvision v2": (run_v2, own_cpu), "Pillow": (run_pillow, own_cpu)}


def cmd_jpeg_view(args):
    data = load_jpegs(args.inputs)
    from torchvision.transforms import v2

    # The same classes take tensors and PIL images; PIL images go through Pillow.
    view = v2.Compose(
        [
            v2.RandomResizedCrop(
                224,
                scale=(0.2, 1.0),
                interpolation=v2.InterpolationMode.BILINEAR,
                antialias=True,
            ),
            v2.RandomHorizontalFlip(),
        ]
    )
    measure("jpeg-view", view_peers(data, view, view), args)


def cmd_simclr_view(args):
    data = load_jpegs(args.inputs)
    from PIL import ImageFilter
    from torchvision.transforms import v2

    class PillowBlur:
        """The blur of the MoCo and SimCLR recipes."""

        def __call__(self, image):
            return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))

    def view(blur):
        return v2.Compose(
            [
                v2.RandomResizedCrop(
                    224,
                    scale=(0.2, 1.0),
                    interpolation=v2.InterpolationMode.BILINEAR,
                    antialias=True,
                ),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
                v2.RandomGrayscale(p=0.2),
                blur,
            ]
        )

    tensor_view = view(v2.GaussianBlur(13, sigma=(0.1, 2.0)))
    measure("simclr-view", view_peers(data, tensor_view, view(PillowBlur())), args)


# ---------------------------------------------------------------- packed frames


class Packed:
    """Frames of an Arrow IPC file (or stream), without copies until asked."""

    def __init__(self, path):
        import pyarrow

        source = pyarrow.memory_map(path)
        try:
            reader = pyarrow.ipc.open_file(source)
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        except pyarrow.ArrowInvalid:
            source.seek(0)
            reader = pyarrow.ipc.open_stream(source)
            batches = list(reader)
        self.encoding = ((reader.schema.metadata or {}).get(b"encoding") or b"").decode()
        if self.encoding not in ("raw", "jpeg"):
            sys.exit(f"{path}: schema metadata `encoding` is {self.encoding!r}, not raw or jpeg")
        self.rows = []  # (frames of the batch, first, count, height, width)
        for batch in batches:
            frames = batch.column("frames")
            offsets = frames.offsets.to_pylist()
            sizes = zip(batch.column("height").to_pylist(), batch.column("width").to_pylist())
            for row, (height, width) in enumerate(sizes):
                first, count = offsets[row], offsets[row + 1] - offsets[row]
                if count >= 2:
                    self.rows.append((frames.values, first, count, height, width))
        if not self.rows:
            sys.exit(f"{path}: no row has two frames")

    def pairs(self, seed, count):
        """`count` random pairs: (bytes of one frame, bytes of another, height, width)."""
        draw = random.Random(seed)
        for _ in range(count):
            values, first, frames, height, width = draw.choice(self.rows)
            a, b = draw.sample(range(frames), 2)
            yield values[first + a].as_buffer(), values[first + b].as_buffer(), height, width


def cmd_packed(args):
    torch = one_thread()
    import numpy
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg

    packed = Packed(args.file)
    note(f"{len(packed.rows)} rows of two frames or more, {packed.encoding}")

    def raw(frame, height, width):
        return numpy.frombuffer(frame, numpy.uint8).reshape(height, width, 3).copy()

    def by_torchvision(frame, _height, _width):
        image = decode_jpeg(torch.frombuffer(frame, dtype=torch.uint8), mode=ImageReadMode.RGB)
        return image.permute(1, 2, 0).numpy()  # channels first in memory: no second copy

    def by_pillow(frame, _height, _width):
        return numpy.array(Image.open(io.BytesIO(frame)).convert("RGB"))

    def peer(read):
        def run(seed):
            for a, b, height, width in packed.pairs(seed, args.pairs):
                for frame in (a, b):
                    assert read(frame, height, width).shape == (height, width, 3)
            return {"pairs": args.pairs}

        return run, own_cpu

    if packed.encoding == "raw":
        peers = {"pyarrow, numpy copy": peer(raw)}
    else:
        import warnings

        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        peers = {
            "pyarrow, torchvision decode_jpeg": peer(by_torchvision),
            "pyarrow, Pillow": peer(by_pillow),
        }
    measure(f"packed {packed.encoding}", peers, args)


# ---------------------------------------------------------------- make JPEGs


def cmd_make_jpegs(args):
    from PIL import Image

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    files = list_files(args.inputs, VIDEO_ENDINGS)
    width, height = args.width, args.height
    fit = (
        f"scale={width}:{height}:force_original_aspect_ratio=increase:flags=bicubic,"
        f"crop={width}:{height},format=rgb24"
    )
    made = 0
    for index, path in enumerate(files):
        share = args.count // len(files) + (index < args.count % len(files))
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
        duration = float(subprocess.check_output(probe + [path]).decode().strip())
        for k in range(share):
            at = (k + 0.5) / share * duration * 0.95  # not past the last frame
            command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-ss", f"{at:.3f}"]
            command += ["-i", path, "-frames:v", "1", "-vf", fit, "-f", "rawvideo", "-"]
            pixels = subprocess.check_output(command)
            if len(pixels) != width * height * 3:
                sys.exit(f"{path}: no frame at {at:.3f} s")
            image = Image.frombytes("RGB", (width, height), pixels)
            name = f"{index:02d}_{Path(path).stem}_{k:03d}.jpg"
            image.save(out / name, quality=args.quality)
            made += 1
    note(f"{made} JPEGs of {width}x{height} in {out}")


# ---------------------------------------------------------------- command line


def main():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--rounds", type=int, default=5, help="rounds; the median is reported")
    common.add_argument(
        "--seconds", type=float, default=2.0, help="least CPU seconds of a peer in a round"
    )
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    def command(name, run, summary, timed=True):
        parents = [common] if timed else []
        sub = commands.add_parser(name, help=summary, description=summary, parents=parents)
        sub.set_defaults(run=run)
        return sub

    sub = command("decode", cmd_decode, "decode every frame of videos to rgb")
    sub.add_argument("inputs", nargs="+", metavar="DIR_OR_FILE")
    sub.add_argument("--short-side", type=int, default=128, help="for the scaling ffmpeg figure")

    sub = command("random-pairs", cmd_random_pairs, "two random frames of a video")
    sub.add_argument("inputs", nargs="+", metavar="DIR_OR_FILE")
    sub.add_argument("--pairs", type=int, default=32, help="least pairs a pass reads")
    sub.add_argument(
        "--keep-open", type=int, default=64, help="most files for the kept-open figures"
    )

    sub = command("jpeg-view", cmd_jpeg_view, "JPEG bytes to a random resized crop and flip")
    sub.add_argument("inputs", nargs="+", metavar="DIR_OR_FILE")

    sub = command("simclr-view", cmd_simclr_view, "JPEG bytes to a SimCLR view")
    sub.add_argument("inputs", nargs="+", metavar="DIR_OR_FILE")

    sub = command("packed", cmd_packed, "random pairs of frames of a packed Arrow file")
    sub.add_argument("file", metavar="FILE.arrow")
    sub.add_argument("--pairs", type=int, default=256, help="pairs a pass reads")

    sub = command("make-jpegs", cmd_make_jpegs, "make JPEGs of frames of videos", timed=False)
    sub.add_argument("out", metavar="OUT")
    sub.add_argument("inputs", nargs="+", metavar="VIDEO")
    sub.add_argument("--count", type=int, default=90)
    sub.add_argument("--width", type=int, default=500)
    sub.add_argument("--height", type=int, default=375)
    sub.add_argument("--quality", type=int, default=90)

    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
