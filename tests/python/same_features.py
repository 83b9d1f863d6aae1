"""Does another library compute the features that vicmae does? same_features.py timm|huggingface EXPORTED FEATURES ROOT

EXPORTED is an export of that format. FEATURES was made by `vicmae features` (pool: mean) of the PNG pictures below ROOT, whose short
side is what the evaluation transform resizes to, so that it resizes nothing and only the centre crop is left to do.
Every weight must be loaded. Prints the largest difference relative to the largest feature; ends with 1 when it is above 1e-5.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file


def sizes(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["vicmae.model"])


def timm(path):
    from timm.models.vision_transformer import VisionTransformer

    model = sizes(path)
    vit = VisionTransformer(
        img_size=model["image"],
        patch_size=model["patch"],
        embed_dim=model["vit"]["width"],
        depth=model["vit"]["depth"],
        num_heads=model["vit"]["heads"],
        num_classes=0,
        class_token=True,
        global_pool="token",
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    vit.load_state_dict(load_file(path), strict=True)
    return vit.eval().forward_features


def huggingface(path):
    from transformers import ViTMAEConfig, ViTMAEForPreTraining, ViTMAEModel

    folder = Path(path).parent
    named = json.loads((folder / "config.json").read_text())["architectures"][0]
    kind = {"ViTMAEForPreTraining": ViTMAEForPreTraining, "ViTMAEModel": ViTMAEModel}[named]
    # Its encoder shuffles the patches, which the mean does not see, and must see all of them.
    config = ViTMAEConfig.from_pretrained(folder, mask_ratio=0.0)
    model, report = kind.from_pretrained(folder, config=config, output_loading_info=True)
    for what, names in report.items():
        if names:
            sys.exit(f"{what}: {names}")
    encoder = (model.vit if kind is ViTMAEForPreTraining else model).eval()
    return lambda images: encoder(images).last_hidden_state


def pictures(root, paths, side):
    mean, std = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
    for path in paths:
        pixels = numpy.asarray(Image.open(Path(root) / path), dtype=numpy.float64)
        top, left = [(length - side) // 2 for length in pixels.shape[:2]]
        crop = pixels[top : top + side, left : left + side]
        yield torch.tensor(((crop / 255 - mean) / std).transpose(2, 0, 1), dtype=torch.float32)


def main(kind, exported, features, root):
    encode = {"timm": timm, "huggingface": huggingface}[kind](exported)
    features = load_file(features)
    paths = bytes(features["paths"].tolist()).decode().split("\n")
    with torch.no_grad():
        images = torch.stack(list(pictures(root, paths, sizes(exported)["image"])))
        theirs = encode(images)[:, 1:].mean(dim=1)
    difference = ((features["features"] - theirs).abs().max() / theirs.abs().max()).item()
    print(f"largest relative difference: {difference:.3g}")
    # Written so that a difference that is no number fails, too.
    return 0 if difference <= 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
