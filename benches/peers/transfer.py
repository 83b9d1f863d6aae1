"""The peers of benches/transfer.rs: timm's RandAugment on Pillow pictures, and scikit-learn's logistic regression.

Give OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 to compare one thread with RAYON_NUM_THREADS=1. Needs timm, pillow, scikit-learn.
"""

import statistics
import time

import numpy
from PIL import Image
from sklearn.linear_model import LogisticRegression
from timm.data.auto_augment import rand_augment_transform

SIDE = 224


def median(work, rounds):
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def rand_augment():
    y, x = numpy.mgrid[0:SIDE, 0:SIDE]
    picture = Image.fromarray(numpy.stack([x, y, x // 16 * 37 % 256], axis=2).astype(numpy.uint8))
    policy = rand_augment_transform("rand-m9-mstd0.5-inc1", {"img_mean": (124, 116, 104), "interpolation": Image.BICUBIC})

    def work():
        for _ in range(500):
            try:
                policy(picture.copy())
            except ValueError:
                # timm asks Pillow 13 to posterize to 0 bits once in a while, which it refuses.
                pass

    work()
    print(f"rand-m9-mstd0.5-inc1, 224 px: {1000 * median(work, 5) / 500:.3f} ms a picture")


def logistic(images, width, classes):
    random = numpy.random.default_rng(1)
    labels = numpy.arange(images) % classes
    centres = 0.15 * random.standard_normal((classes, width))
    features = centres[labels] + random.standard_normal((images, width))
    model = LogisticRegression(C=0.01, tol=1e-6, max_iter=1000)
    seconds = median(lambda: model.fit(features, labels), 5)
    print(f"{images} images, width {width}, {classes} classes: {1000 * seconds:.0f} ms, {model.n_iter_[0]} iterations")


rand_augment()
logistic(2_000, 96, 8)
logistic(10_000, 384, 50)
