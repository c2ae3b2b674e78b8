"""What happens to a frame between scene and model, the same for both members of a pair.

Everything is drawn once for a pair and applied to both members, so that nothing but the key
object's shape tells them apart. `degrade_pairs` is the slow part, done once when a shard is
rendered: camera-like rendering, letterbox, crop, blur, JPEG, H.264, the model's own resize.
`jitter` is the quick part, done on tensors at every step.
"""
from __future__ import annotations

import io
import random
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .scenes import YIQ, Pair, SceneObject

WORK_SIZES = (96, 144, 192, 256)    # the centre square of frames from 96 to 256 lines
BICUBIC = Image.Resampling.BICUBIC


@dataclass(frozen=True)
class Treatment:
    """What is done to both members of a pair, drawn before any of it is done.

    The scene is rendered at (width, height), shown at (left, top) of a square of `size`: larger
    than the square for a crop, smaller for bars of the colour `bar`.
    """

    size: int
    width: int
    height: int
    left: int
    top: int
    bar: int
    blur: float | None
    coding: str | None        # None, jpeg or h264
    quality: int = 0

    @classmethod
    def draw(cls, rng: random.Random, severity: float) -> "Treatment":
        size = rng.choices(WORK_SIZES, (30, 45, 20, 5))[0] if severity else WORK_SIZES[0]
        width = height = size
        boxed, crop = rng.random(), 1.0
        if boxed < 0.10 * severity:                       # letterbox: bars above and below
            height = round(size * rng.uniform(0.72, 0.92))
        elif boxed < 0.16 * severity:                     # windowbox: bars on all sides
            width = height = round(size * rng.uniform(0.75, 0.92))
        elif boxed < 0.16 * severity + 0.2:               # a crop that may cut an object's edge
            crop = rng.uniform(1.0, 1.0 + 0.12 * severity)
            width = height = round(size * crop)
        bar = rng.choice((0, 0, 16, 255))
        left, top = (size - width) // 2, (size - height) // 2
        if crop > 1:
            left, top = -rng.randint(0, width - size), -rng.randint(0, height - size)
        blur = rng.uniform(0.3, 1.0) * size / 96 if rng.random() < 0.25 * severity else None
        coding, roll, quality = None, rng.random(), 0
        if roll < 0.25 * severity:
            coding, quality = "jpeg", rng.randint(30, 92)
        elif roll < 0.65 * severity:
            coding = "h264"
        return cls(size, width, height, left, top, bar, blur, coding, quality)

    def render(self, pair: Pair) -> list[Image.Image]:
        """Both members, but for H.264."""
        base = pair.safe.render_background(self.width, self.height)
        out = []
        for scene in (pair.safe, pair.unsafe):
            image = Image.new("RGB", (self.size, self.size), (self.bar,) * 3)
            image.paste(scene.render(self.width, self.height, base), (self.left, self.top))
            if self.blur:
                image = image.filter(ImageFilter.GaussianBlur(self.blur))
            if self.coding == "jpeg":
                image = jpeg(image, self.quality)
            out.append(image)
        return out

    def place(self, item: SceneObject) -> tuple[float, float, float]:
        """Where an object comes to lie: centre and longest side in units of the square."""
        return ((self.width / 2 + item.x * self.height + self.left) / self.size,
                (self.height / 2 + item.y * self.height + self.top) / self.size,
                item.size * self.height / self.size)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The picture after JPEG coding (4:2:0)."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality, subsampling=2)
    data.seek(0)
    return Image.open(data).convert("RGB")


def h264(frames: list[np.ndarray], crf: int) -> list[np.ndarray]:
    """Each (S, S, 3) uint8 frame after H.264 coding in one clip, as an inter-coded frame.

    Every frame is preceded by a copy of itself moved by one pixel, so that what comes back is
    predicted from it, as in video. Needs ffmpeg with libx264.
    """
    if not frames:
        return []
    size = frames[0].shape[0]
    raw = b"".join(np.roll(f, 1, 1).tobytes() + f.tobytes() for f in frames)
    with tempfile.NamedTemporaryFile(suffix=".mkv") as clip:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
             f"{size}x{size}", "-r", "25", "-i", "-", "-c:v", "libx264", "-preset", "veryfast",
             "-crf", str(crf), "-pix_fmt", "yuv420p", "-threads", "1", clip.name],
            input=raw, check=True)
        back = subprocess.run(
            ["ffmpeg", "-v", "error", "-threads", "1", "-i", clip.name, "-f", "rawvideo",
             "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE, check=True).stdout
    decoded = np.frombuffer(back, np.uint8).reshape(-1, size, size, 3)
    if len(decoded) != 2 * len(frames):
        raise RuntimeError(f"H.264 gave {len(decoded)} frames, not {2 * len(frames)}")
    return list(decoded[1::2])


def degrade_pairs(pairs: list[Pair], treatments: list[Treatment], rng: random.Random,
                  image_size: int) -> np.ndarray:
    """Render pairs and degrade them; uint8 (n, 2, image_size, image_size, 3), safe first."""
    images = [t.render(pair) for t, pair in zip(treatments, pairs)]
    for_codec = {size: [(i, m) for i, t in enumerate(treatments) if t.coding == "h264" and t.size == size
                        for m in (0, 1)] for size in WORK_SIZES}
    for size, places in for_codec.items():
        rng.shuffle(places)                      # which member comes first must not tell
        coded = h264([np.asarray(images[i][m]) for i, m in places], rng.randint(20, 34))
        for (i, m), frame in zip(places, coded):
            images[i][m] = Image.fromarray(frame, "RGB")
    out = np.empty((len(pairs), 2, image_size, image_size, 3), np.uint8)
    for i, members in enumerate(images):
        for m, image in enumerate(members):
            out[i, m] = np.asarray(image.resize((image_size, image_size), BICUBIC))
    return out


def jitter(images, generator, strength: float):
    """Quick augmentation of a float tensor (n, 2, 3, H, W) in 0 to 1; same for both members.

    Mirror, shift by a few pixels, turn and zoom a little, hue, gain, contrast, saturation, noise.
    Returns the images and which pairs were mirrored.
    """
    import torch
    n, _, _, height, width = images.shape

    def uniform(low, high, *shape):
        return torch.rand(*shape, generator=generator) * (high - low) + low

    flip = torch.rand(n, generator=generator) < 0.5
    images = torch.where(flip[:, None, None, None, None], images.flip(-1), images)
    pad = 4
    padded = torch.nn.functional.pad(images.flatten(0, 1), (pad,) * 4, mode="replicate")
    padded = padded.view(n, 2, 3, height + 2 * pad, width + 2 * pad)
    reach = round(pad * min(1.0, strength))
    shift = torch.randint(-reach, reach + 1, (n, 2), generator=generator) + pad
    images = torch.stack([padded[i, :, :, y:y + height, x:x + width] for i, (y, x) in enumerate(shift.tolist())])
    warped = torch.nonzero(torch.rand(n, generator=generator) < 0.4 * strength).flatten()
    if len(warped):
        turn, zoom = uniform(-0.17, 0.17, len(warped)), uniform(0.9, 1.1, len(warped))
        cos, sin, zero = turn.cos() / zoom, turn.sin() / zoom, torch.zeros(len(warped))
        matrix = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
        grid = torch.nn.functional.affine_grid(matrix, (len(warped), 6, height, width), align_corners=False)
        images[warped] = torch.nn.functional.grid_sample(
            images[warped].flatten(1, 2), grid, mode="bilinear", padding_mode="reflection",
            align_corners=False).view(len(warped), 2, 3, height, width)
    gain = uniform(1 - 0.2 * strength, 1 + 0.2 * strength, n, 1, 1, 1, 1)
    contrast = uniform(1 - 0.2 * strength, 1 + 0.2 * strength, n, 1, 1, 1, 1)
    colour = uniform(1 - 0.5 * strength, 1 + 0.3 * strength, n, 1, 1, 1, 1)
    turned = torch.rand(n, generator=generator) < 0.2 * strength
    angle = uniform(-3.1416, 3.1416, n) * turned
    images = turn_hue(images, angle)
    grey = images.mean(2, keepdim=True)
    images = grey + (images - grey) * colour
    images = ((images - 0.5) * contrast + 0.5) * gain
    sigma = uniform(0, 0.04 * strength, n, 1, 1, 1, 1)
    noise = torch.randn(n, 1, 3, height, width, generator=generator)
    return (images + sigma * noise).clamp_(0, 1), flip


def turn_hue(images, angle):
    """images (n, 2, 3, H, W) with their hues turned by angle (n) radians, as scenes.hue_matrix."""
    import torch
    to_yiq = torch.tensor(YIQ, dtype=torch.float32)
    turn = torch.zeros(len(angle), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 2, 1] = angle.sin()
    turn[:, 1, 2] = -angle.sin()
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    n, members, _, height, width = images.shape
    return (matrix[:, None] @ images.reshape(n, members, 3, -1)).view(n, members, 3, height, width)
