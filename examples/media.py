# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures and sound in and out of files by gst-launch-1.0, for the demo's Python parts."""
from __future__ import annotations

import errno
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np


class MediaError(Exception):
    """A pipeline failed; the text is what the user should read."""


def fail(program: str, error: BaseException) -> int:
    """One line on stderr for what users can mend; the exit status."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC or "space left" in text:
        text = f"the disk is full: {text}"
    print(f"{program}: {text}", file=sys.stderr)
    return 1


def _launch(arguments, verbosity="-q", **options) -> subprocess.Popen:
    try:
        return subprocess.Popen(["gst-launch-1.0", verbosity, *arguments], stderr=subprocess.PIPE, **options)
    except FileNotFoundError:
        raise MediaError("gst-launch-1.0 is not installed: run tests/install.sh demo") from None


def _finish(process: subprocess.Popen, what: str) -> None:
    stderr = process.stderr.read().decode(errors="replace")
    if process.wait() != 0:
        lines = [line for line in stderr.splitlines() if "ERROR" in line or "WARN" in line or "space left" in line]
        raise MediaError(f"{what} failed: " + (" ".join(lines[:3]) or stderr.strip()[-300:] or "no reason given"))


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Mono, 16 bits; samples from -1 to 1."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def encode(path: Path, frames, size: tuple[int, int], fps: int, sound: Path) -> None:
    """H.264 and AAC in MP4 from RGB pictures (an iterable of bytes) and a WAV file."""
    process = _launch([
        "fdsrc", "fd=0", "!", "rawvideoparse", "format=rgb", f"width={size[0]}", f"height={size[1]}",
        f"framerate={fps}/1", "!", "videoconvert", "!", "video/x-raw,format=I420", "!", "queue", "!",
        "x264enc", "pass=qual", "quantizer=20", f"key-int-max={2 * fps}", "speed-preset=faster", "!",
        "h264parse", "!", "queue", "!", "mp4mux", "name=mux", "!", "filesink", f"location={path}",
        "filesrc", f"location={sound}", "!", "wavparse", "!", "audioconvert", "!", "avenc_aac", "bitrate=96000",
        "!", "aacparse", "!", "queue", "max-size-time=0", "max-size-buffers=0", "max-size-bytes=0", "!", "mux."],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        try:
            for data in frames:
                process.stdin.write(data)
            process.stdin.close()
        except BrokenPipeError:
            pass
        _finish(process, f"encoding {path}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def decode_video(path: Path, size: tuple[int, int], rgb=False):
    """Yield the frames of an MP4 file as uint8 arrays, (height, width) luma or (height, width, 3)."""
    width, height = size
    process = _launch([
        "filesrc", f"location={path}", "!", "qtdemux", "!", "h264parse", "!", "avdec_h264", "!", "videoconvert", "!",
        "videoscale", "!", f"video/x-raw,format={'RGB' if rgb else 'GRAY8'},width={width},height={height},"
        "pixel-aspect-ratio=1/1", "!", "fdsink", "fd=1"], stdout=subprocess.PIPE)
    stride = (3 * width if rgb else width) + 3 & ~3
    try:
        while True:
            data = process.stdout.read(stride * height)
            if len(data) < stride * height:
                break
            plane = np.frombuffer(data, np.uint8).reshape(height, stride)
            yield plane[:, :3 * width].reshape(height, width, 3) if rgb else plane[:, :width]
        _finish(process, f"decoding {path}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def decode_audio(path: Path, rate: int) -> np.ndarray:
    """The sound track as mono float32."""
    process = _launch([
        "filesrc", f"location={path}", "!", "qtdemux", "name=d", "d.audio_0", "!", "queue", "!", "aacparse", "!",
        "avdec_aac", "!", "audioconvert", "!", "audioresample", "!",
        f"audio/x-raw,format=S16LE,channels=1,rate={rate}", "!", "fdsink", "fd=1"], stdout=subprocess.PIPE)
    data = process.stdout.read()
    _finish(process, f"decoding the sound of {path}")
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


_STAMP = re.compile(r"\((\d+) bytes, dts: \S+, pts: (\S+), duration:")
_SEGMENT = re.compile(r"start=\(guint64\)(\d+),.* time=\(guint64\)(\d+),")


def _nanoseconds(text: str) -> int | None:
    match = re.fullmatch(r"(\d+):(\d+):(\d+)\.(\d{9})", text)
    if not match:
        return None
    hours, minutes, seconds, nano = map(int, match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 10 ** 9 + nano


def timestamps(path: Path, pad: str) -> list[tuple[int, int]]:
    """(stream time in ns, bytes) of each packet of a track, 'video_0' or 'audio_0', by time."""
    process = _launch([
        "filesrc", f"location={path}", "!", "qtdemux", "name=d", f"d.{pad}", "!", "queue", "!", "identity",
        "silent=false", "!", "fakesink"], verbosity="-v", stdout=subprocess.PIPE)
    text = process.stdout.read().decode(errors="replace")
    _finish(process, f"reading the packets of {path}")
    segment = _SEGMENT.search(text)
    shift = int(segment[2]) - int(segment[1]) if segment else 0
    packets = [(_nanoseconds(m[2]), int(m[1])) for m in _STAMP.finditer(text)]
    return sorted((time + shift, size) for time, size in packets if time is not None)
