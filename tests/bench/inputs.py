# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the encoders are fed: u8 patches, [image][patch][channel][y][x], as HysacPreprocess writes them."""
import json
import pathlib
import subprocess

import numpy as np

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of the random models
STD = (0.26862954, 0.26130258, 0.27577711)
ROOT = pathlib.Path(__file__).resolve().parents[2]
HELD_OUT = "import sys; import numpy; from training.dataset import make_shard; " \
    "numpy.save(sys.argv[1], make_shard('heldout', int(sys.argv[2]), 0, int(sys.argv[3]), 1.0)[0])"


def vision_config(folder):
    return json.loads((pathlib.Path(folder) / "config.json").read_text())["vision_config"]


def patches_of(images, patch):
    """u8 images [n][height][width][3] as patches."""
    n, size = images.shape[:2]
    side = size // patch
    cut = images[:, :side * patch, :side * patch].reshape(n, side, patch, side, patch, 3)
    return np.ascontiguousarray(cut.transpose(0, 1, 3, 5, 2, 4)).reshape(n, side * side, 3, patch, patch)


def pixels_of(patches, folder):
    """Patches as normalised pixels, [n][3][height][width]."""
    facts = json.loads((pathlib.Path(folder) / "preprocessor_config.json").read_text())
    mean, std = (np.array(facts[key]).reshape(1, 3, 1, 1) for key in ("image_mean", "image_std"))
    n, count, _, patch, _ = patches.shape
    side = round(count ** 0.5)
    whole = patches.reshape(n, side, side, 3, patch, patch).transpose(0, 3, 1, 4, 2, 5)
    whole = whole.reshape(n, 3, side * patch, side * patch).astype(np.float64) / 255
    return ((whole - mean) / std).astype(np.float32)


def read_patches(path, vision, batch):
    side, patch = vision["image_size"] // vision["patch_size"], vision["patch_size"]
    return np.fromfile(path, dtype=np.uint8).reshape(batch, side * side, 3, patch, patch)


def natural(count, size, seed):
    """Random pictures with the spectrum of natural ones: amplitudes fall with the frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) + 1 / size
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    to_rgb = np.array([[1, 1, 1], [0.3, 0, -0.3], [0.15, -0.3, 0.15]])  # mostly grey
    for i in range(count):
        noise = rng.standard_normal((3, *frequency.shape)) + 1j * rng.standard_normal((3, *frequency.shape))
        field = np.fft.irfft2(noise / frequency ** rng.uniform(0.8, 1.3), s=(size, size))
        field = (field / field.std(axis=(1, 2), keepdims=True)).transpose(1, 2, 0) @ to_rgb
        images[i] = np.clip(127.5 + rng.uniform(30, 70) * field + rng.uniform(-40, 40), 0, 255)
    return images


def white(count, size, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def drawn(cache, pairs, seed):
    """Held-out pictures of the demo model's generator, [2 * pairs][96][96][3], safe and unsafe in turn."""
    path = cache / f"demo-pictures-{seed}-{pairs}.npy"
    if not path.exists():
        made = path.with_suffix(".part.npy")
        subprocess.run(["/usr/bin/python3", "-c", HELD_OUT, made, str(seed), str(pairs)], check=True, cwd=ROOT)
        made.rename(path)
    images = np.load(path)
    return images.reshape(-1, *images.shape[2:])
