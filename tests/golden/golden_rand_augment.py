"""Makes tests/golden/rand_augment.safetensors: what timm and Pillow give for every operation of RandAugment.

    pip install --no-deps timm pillow numpy safetensors
    python golden_rand_augment.py PHOTOGRAPH OUT

timm/data/auto_augment.py is loaded by its path, so torch isn't needed. Made with timm 1.0.31 and Pillow 13.0.0.
"""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

FILL = (124, 116, 104)
LEVELS = [half / 2 for half in range(21)]
# Which set, at which level, with the sign turned or not: the two together reach both signs and factors on both sides of 1.
CASES = [("increasing", 8.2, True), ("plain", 6.2, False)]


def timm_auto_augment():
    package = Path(importlib.util.find_spec("timm").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("auto_augment", package / "data" / "auto_augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photograph(path, side):
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return image.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.BICUBIC)


def synthetic(side):
    """Edges, a ramp, noise, and a channel (blue) that doesn't span 0 to 255."""
    y, x = np.mgrid[0:side, 0:side]
    noise = np.random.RandomState(0).randint(0, 90, (side, side))
    red = np.where((x // 5 + y // 7) % 2 == 0, 250, 3)
    green = (x + y) * 255 // (2 * side - 2)
    return Image.fromarray(np.stack([red, green, noise + 60], axis=2).astype(np.uint8))


def main(path, out):
    aa = timm_auto_augment()
    sets = {"increasing": aa._RAND_INCREASING_TRANSFORMS, "plain": aa._RAND_TRANSFORMS}
    keywords = dict(fillcolor=FILL, resample=Image.Resampling.BICUBIC)

    def arguments(name, level, negate):
        aa._randomly_negate = lambda value: -value if negate else value
        function = aa.LEVEL_TO_ARG[name]
        return function(level, {}) if function else ()

    tensors = {}
    for kind, names in sets.items():
        table = np.full((len(names), len(LEVELS), 2), math.nan)
        for index, name in enumerate(names):
            for column, level in enumerate(LEVELS):
                for negate in (False, True):
                    for value in arguments(name, level, negate):
                        table[index, column, int(negate)] = value
        tensors[f"arguments/{kind}"] = table

    for label, image in {"photo": photograph(path, 48), "synthetic": synthetic(33)}.items():
        tensors[f"{label}/source"] = np.asarray(image)
        for kind, level, negate in CASES:
            for index, name in enumerate(sets[kind]):
                result = aa.NAME_TO_OP[name](image, *arguments(name, level, negate), **keywords)
                tensors[f"{label}/{kind}/{index}"] = np.asarray(result)
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
