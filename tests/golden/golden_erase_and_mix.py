"""Makes erase.safetensors and mix.safetensors from timm's own code, with a stand-in of numpy for torch.

    pip install --no-deps timm numpy safetensors
    python golden_erase_and_mix.py OUT_FOLDER

Made with timm 1.0.31.
"""

import importlib.util
import math
import sys
import types
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


class Tensor(np.ndarray):
    """What mixup_target needs of a torch.Tensor."""

    device = None

    def long(self):
        return self.astype(np.int64).view(Tensor)

    def view(self, *shape):
        return self.reshape(shape) if isinstance(shape[0], int) else np.ndarray.view(self, *shape)

    def size(self):
        return self.shape

    def flip(self, axis):
        return np.flip(self, axis)

    def scatter_(self, axis, index, value):
        np.put_along_axis(self, np.asarray(index), value, axis)
        return self


def fake_torch():
    torch, utils, data = types.ModuleType("torch"), types.ModuleType("torch.utils"), types.ModuleType("torch.utils.data")
    torch.float32 = np.float32
    torch.full = lambda size, value, device: np.full(size, value, np.float32).view(Tensor)
    data.default_collate = None
    torch.utils, utils.data = utils, data
    sys.modules.update({"torch": torch, "torch.utils": utils, "torch.utils.data": data})


def timm_module(name):
    package = Path(importlib.util.find_spec("timm").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location(name, package / "data" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def targets(mixup):
    labels = np.array([0, 3, 1, 1, 4]).view(Tensor)
    lambdas = np.array([[0.3], [1.0], [0.55], [0.07], [0.8125]])
    tensors = {"labels": np.asarray(labels), "lambdas": lambdas[:, 0].copy()}
    for smoothing in (0.0, 0.1):
        tensors[f"elem/{smoothing}"] = mixup.mixup_target(labels, 5, lambdas.astype(np.float32), smoothing)
        tensors[f"batch/{smoothing}"] = mixup.mixup_target(labels, 5, 0.3, smoothing)
    return {name: np.ascontiguousarray(np.asarray(tensor)) for name, tensor in tensors.items()}


def boxes(mixup):
    """Rows of side, lambda, row and column of the centre, top, bottom, left, right, corrected lambda."""
    rows = []
    for side in (7, 32, 224):
        for lam in (0.0, 0.1, 0.5, 0.77, 0.99999):
            for row, column in ((0, 0), (side // 2, side // 3), (side - 1, 1)):
                centre = iter((row, column))
                np.random.randint = lambda low, high, size: next(centre)
                box, corrected = mixup.cutmix_bbox_and_lam((3, side, side), lam)
                rows.append([side, lam, row, column, *box, corrected])
    return np.array(rows, np.float64)


class Canvas:
    """Takes the place of the image, and keeps where it was erased."""

    def __setitem__(self, where, _):
        self.where = where


def erased(erasing):
    """Rows of side, share of the area, ratio, height, width; 0 and 0 where the rectangle isn't accepted."""
    erasing._get_pixels = lambda *_, **__: None
    rows = []
    for side in (7, 32, 224):
        for share in (0.02, 0.1, 1 / 3, 0.7):
            for ratio in (0.3, 0.8, 1.0, 1 / 0.3):
                def uniform(low, high):
                    return share if low > 0 else math.log(ratio)

                erasing.random = types.SimpleNamespace(random=lambda: 0.0, uniform=uniform, randint=lambda low, high: 0)
                canvas = Canvas()
                canvas.where = (None, slice(0, 0), slice(0, 0))
                erasing.RandomErasing(probability=1.0, mode="pixel")._erase(canvas, 3, side, side, None)
                rows.append([side, share, ratio, canvas.where[1].stop, canvas.where[2].stop])
    return np.array(rows, np.float64)


def main(folder):
    fake_torch()
    mixup = timm_module("mixup")
    save_file(targets(mixup) | {"boxes": boxes(mixup)}, Path(folder) / "mix.safetensors")
    save_file({"sides": erased(timm_module("random_erasing"))}, Path(folder) / "erase.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
