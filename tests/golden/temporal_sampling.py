"""Writes temporal_sampling.json: the frames that MAE-ST shows to its model, for videos of constant rate.

The rule is that of `get_start_end_idx` (use_offset) and `temporal_sampling` in util/decoder/decoder.py of
facebookresearch/mae_st, in numpy: whole first frames, equally spaced places, clamped, and cut to whole numbers.
"""

import json
import math
import pathlib

import numpy as np


def indices(count, rate, frames, stride, view, views):
    span = stride * frames / 30 * rate
    delta = max(count - span, 0)
    start = math.floor(delta / 2) if views == 1 else view * math.floor(delta / (views - 1))
    places = np.linspace(start, start + span - 1, frames)
    # A ten-thousandth of a frame is rounding.
    return np.clip(np.floor(places + 1e-4), 0, count - 1).astype(int).tolist()


cases = [
    (300, 30, 16, 4, 0, 10),
    (300, 30, 16, 4, 3, 10),
    (300, 30, 16, 4, 9, 10),
    (300, 30, 16, 4, 0, 1),
    (301, 30, 16, 4, 2, 5),
    (250, 30, 16, 4, 6, 7),
    (64, 30, 16, 4, 4, 5),
    (65, 30, 16, 4, 0, 1),
    (40, 30, 16, 4, 1, 3),
    (1, 30, 16, 4, 1, 3),
    (2, 30, 4, 16, 0, 1),
    (97, 30, 8, 8, 1, 2),
    (97, 30, 32, 2, 0, 1),
    (120, 30, 1, 1, 0, 1),
    (120, 30, 8, 4, 2, 3),
    (250, 25, 16, 4, 3, 10),
    (250, 25, 16, 4, 0, 1),
    (600, 60, 16, 4, 7, 10),
    (150, 15, 16, 4, 1, 2),
    (300, 29.97, 16, 4, 0, 1),
    (300, 29.97, 16, 4, 4, 5),
    (240, 23.976, 8, 8, 2, 4),
]
keys = ("count", "rate", "frames", "stride", "view", "views")
rows = [dict(zip(keys, case), indices=indices(*case)) for case in cases]
text = ",\n".join("  " + json.dumps(row) for row in rows)
pathlib.Path(__file__).with_suffix(".json").write_text(f"[\n{text}\n]\n")
