"""training/convert.py against what the reference code computes, and against bad input.

    tests/python-env.sh && build/venv/bin/python -m unittest discover -s tests/convert
"""

import hashlib
import json
import math
import os
import random
import shutil
import stat
import subprocess
import sys
import unittest

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import (CLIPImageProcessor, CLIPModel, CLIPTextModelWithProjection,
                          CLIPTokenizer, CLIPTokenizerFast, CLIPVisionModelWithProjection)

from support import REFERENCE, ROOT, ConvertCase, relative_error, state_dict

transformers.logging.set_verbosity_error()

TOLERANCE = 1e-5
PATCH = "visual.base_model.model.vision_model.embeddings.patch_embedding"
POSITIONS = "vision_model.embeddings.position_embedding.weight"
K_PROJ = "visual.base_model.model.vision_model.encoder.layers.1.self_attn.k_proj"


def exp_map0(v, curvature):
    """Exponential map at the root, space components (HySAC, hysac/lorentz.py)."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True) * math.sqrt(curvature)
    clamped = np.maximum(norm, 1e-8)
    return np.sinh(np.clip(norm, 1e-8, math.asinh(2.0 ** 15))) * v / clamped


def root_distance(v, curvature):
    """Distance from the root to exp_map0(v): the norm of v, up to the clamp."""
    return np.minimum(np.linalg.norm(v, axis=-1), math.asinh(2.0 ** 15) / math.sqrt(curvature))


def image_features(model, pixels):
    """Features of the vision tower as transformers computes them from a model directory."""
    tower = CLIPVisionModelWithProjection.from_pretrained(model).eval()
    with torch.no_grad():
        return tower(pixel_values=torch.from_numpy(pixels)).image_embeds.numpy()


def text_features(model, tokens):
    """Features of the text tower as transformers computes them from a model directory."""
    tower = CLIPTextModelWithProjection.from_pretrained(model).eval()
    with torch.no_grad():
        return tower(input_ids=torch.from_numpy(tokens)).text_embeds.numpy()


def edited_json(source, target, **changes):
    """Copy a JSON object with some members changed; None removes one."""
    value = json.loads(source.read_text())
    value.update(changes)
    value = {key: member for key, member in value.items() if member is not None}
    target.write_text(json.dumps(value))
    return target


class Parity(ConvertCase):
    """The converted model computes what the reference computed."""

    def check(self, name):
        model = self.convert(name=name)
        expected = np.load(REFERENCE / name / "expected.npz")
        hysac = json.loads((model / "hysac.json").read_text())
        curvature = hysac["curvature"]
        errors = {}
        for side, alpha, features in (
                ("image", hysac["visual_alpha"], image_features(model, expected["pixel_values"])),
                ("text", hysac["textual_alpha"], text_features(model, expected["token_ids"]))):
            tangent = features.astype(np.float64) * alpha
            distance = root_distance(tangent, curvature)
            wanted = expected[f"{side}_root_distance"]
            errors |= {
                f"{side}_features": relative_error(features, expected[f"{side}_features"]),
                f"{side}_points": relative_error(exp_map0(tangent, curvature),
                                                 expected[f"{side}_points"]),
                f"{side}_root_distance": np.max(np.abs(distance - wanted) / wanted),
            }
        print(name, *(f"{key} {value:.1e}" for key, value in errors.items()), file=sys.stderr)
        for key, value in errors.items():
            self.assertLessEqual(value, TOLERANCE, key)

    def test_published_format(self):
        self.check("small")

    def test_newer_peft(self):
        self.check("small-newpeft")

    def test_scalars_and_bounds(self):
        for name in ("small", "small-newpeft"):
            with self.subTest(name):
                model = self.convert("--force", name=name)
                hysac = json.loads((model / "hysac.json").read_text())
                plain = json.loads((REFERENCE / name / "expected.json").read_text())
                for key in ("curvature", "visual_alpha", "textual_alpha"):
                    self.assertAlmostEqual(hysac[key] / plain[key], 1, delta=1e-6)
                self.assertAlmostEqual(hysac["logit_scale"], 1 / 0.07, delta=1e-5)
                self.assertEqual(hysac["bounds"], json.loads(
                    (REFERENCE / name / "hysac_bounds.json").read_text()))
                self.assertEqual(hysac["provenance"]["lora"],
                                 {"ranks": [4], "alpha": 1.0, "modules": 26})
                self.assertEqual(hysac["provenance"]["patch_bias_folded"], name == "small")
                self.assertIsNone(hysac["profile"])

    def test_processor_and_tokenizer(self):
        """The copied files give the reference's pixels, bit for bit, and its token ids.

        The two references tokenized differently: the pinned versions by the Python
        tokenizer, which cleans text with ftfy, the newer ones by the fast one, without.
        """
        for name, tokenizer in (("small", CLIPTokenizer), ("small-newpeft", CLIPTokenizerFast)):
            with self.subTest(name):
                folder, model = REFERENCE / name, self.convert("--force", name=name)
                plain = json.loads((folder / "expected.json").read_text())
                images = [Image.open(folder / "images" / image) for image in plain["images"]]
                pixels = CLIPImageProcessor.from_pretrained(model)(
                    images, return_tensors="np")["pixel_values"]
                np.testing.assert_array_equal(
                    pixels, np.load(folder / "expected.npz")["pixel_values"])
                texts = json.loads((folder / "texts.json").read_text())
                ids = tokenizer.from_pretrained(model)(
                    texts, truncation=True, max_length=77)["input_ids"]
                self.assertEqual(ids, plain["token_ids"])

    def test_whole_clip_model_loads_without_gaps(self):
        _, report = CLIPModel.from_pretrained(self.convert(), output_loading_info=True)
        # position_ids are constants that transformers 4.31 still counts as parameters.
        missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
        self.assertEqual((missing, report["mismatched_keys"], report["unexpected_keys"]),
                         ([], [], []))

    def test_committed_models_are_what_the_converter_makes(self):
        for name in ("small", "small-newpeft"):
            with self.subTest(name):
                made = load_file(self.convert("--force", name=name) / "model.safetensors")
                kept = load_file(REFERENCE / name / "model" / "model.safetensors")
                self.assertEqual(made.keys(), kept.keys())
                for key, tensor in made.items():
                    torch.testing.assert_close(tensor, kept[key], rtol=2e-7, atol=1e-9)


class Merge(ConvertCase):
    """The arithmetic of the conversion, tensor by tensor."""

    def tensors(self, *options, **sources):
        return load_file(self.convert("--force", *options, **sources) / "model.safetensors")

    def test_convolution(self):
        """One convolution with the merged weight is the two of LoRA beside the frozen one."""
        state = {key: tensor.double() for key, tensor in state_dict().items()}
        merged = self.tensors("--lora-alpha", "3")[PATCH.split(".", 3)[3] + ".weight"].double()
        conv = torch.nn.functional.conv2d
        image = torch.randn(1, 3, 70, 70, dtype=torch.float64,
                            generator=torch.Generator().manual_seed(1))
        low = conv(image, state[PATCH + ".lora_A.default.weight"], stride=14)
        wanted = (conv(image, state[PATCH + ".weight"], stride=14)
                  + 3 / 4 * conv(low, state[PATCH + ".lora_B.default.weight"]))
        self.assertLess(relative_error(conv(image, merged, stride=14), wanted), 1e-7)
        frozen = conv(image, state[PATCH + ".weight"], stride=14)
        self.assertGreater(relative_error(frozen, wanted), 1e-3)

    def test_linear(self):
        state = {key: tensor.double() for key, tensor in state_dict().items()}
        merged = self.tensors()[K_PROJ.split(".", 3)[3] + ".weight"].double()
        wanted = (state[K_PROJ + ".weight"] + state[K_PROJ + ".lora_B.default.weight"]
                  @ state[K_PROJ + ".lora_A.default.weight"] / 4)
        self.assertLess(relative_error(merged, wanted), 1e-7)

    def test_stray_bias_is_folded_into_the_patch_positions_only(self):
        state = state_dict()
        before = state["visual.base_model.model." + POSITIONS]
        bias = state[PATCH + ".bias"]
        for naming in (".bias", ".base_layer.bias"):
            with self.subTest(naming):
                state = state_dict()
                state[PATCH + naming] = state.pop(PATCH + ".bias")
                after = self.tensors(checkpoint=self.save(state))[POSITIONS]
                self.assertTrue(torch.equal(after[0], before[0]))
                torch.testing.assert_close(after[1:], before[1:] + bias, rtol=1e-7, atol=1e-9)

    def test_parity_needs_the_fold(self):
        """Without the bias the features are wrong, so the parity test would notice."""
        state = state_dict()
        del state[PATCH + ".bias"]
        model = self.convert(checkpoint=self.save(state))
        expected = np.load(REFERENCE / "small" / "expected.npz")
        error = relative_error(image_features(model, expected["pixel_values"]),
                               expected["image_features"])
        self.assertGreater(error, 100 * TOLERANCE)

    def test_without_lora(self):
        """A checkpoint trained from scratch comes through unchanged, prefixed or not."""
        plain = load_file(REFERENCE / "small" / "model" / "model.safetensors")
        scalars = {key: state_dict()[key]
                   for key in ("logit_scale", "curv", "visual_alpha", "textual_alpha")}
        for prefix in ("", "base_model.model."):
            with self.subTest(prefix):
                state = dict(scalars)
                for name, tensor in plain.items():
                    if name != "logit_scale":
                        tower = "visual" if name.startswith("vis") else "textual"
                        state[f"{tower}.{prefix}{name}"] = tensor
                state[f"textual.{prefix}text_model.embeddings.position_ids"] = (
                    torch.arange(77).unsqueeze(0))
                checkpoint = self.save(state)
                for name, tensor in self.tensors(checkpoint=checkpoint).items():
                    self.assertTrue(torch.equal(tensor, plain[name]), name)
                hysac = json.loads((self.out / "hysac.json").read_text())
                self.assertIsNone(hysac["provenance"]["lora"])
                self.assertFalse(hysac["provenance"]["patch_bias_folded"])

    def test_half_precision(self):
        full = load_file(REFERENCE / "small" / "model" / "model.safetensors")
        for dtype, kind, digits in (("f16", torch.float16, 11), ("bf16", torch.bfloat16, 8)):
            with self.subTest(dtype):
                for name, tensor in self.tensors("--dtype", dtype).items():
                    self.assertEqual(tensor.dtype, kind)
                    # Half a unit in the last place; the absolute term is f16's subnormals.
                    torch.testing.assert_close(tensor.double(), full[name].double(),
                                               rtol=1.001 * 2.0 ** -digits, atol=2.0 ** -25)
                config = json.loads((self.out / "config.json").read_text())
                self.assertEqual(config["torch_dtype"],
                                 {"f16": "float16", "bf16": "bfloat16"}[dtype])

    def test_f16_overflow_names_the_tensor(self):
        state = state_dict()
        state[K_PROJ + ".weight"][0, 0] = 1e6
        checkpoint = self.save(state)
        self.refuse("f16 cannot hold", "layers.1.self_attn.k_proj.weight", "1e+06",
                    checkpoint=checkpoint, options=("--dtype", "f16"))
        self.convert("--dtype", "bf16", checkpoint=checkpoint)


class Layout(ConvertCase):
    """The files of a model directory."""

    def test_files_and_hashes(self):
        model = self.convert()
        self.assertEqual(sorted(path.name for path in model.iterdir()),
                         ["config.json", "hysac.json", "merges.txt", "model.safetensors",
                          "preprocessor_config.json", "vocab.json"])
        self.assertEqual(list(self.out.parent.iterdir()), [self.out])
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(stat.S_IMODE(model.stat().st_mode), 0o777 & ~umask)
        weights = (model / "model.safetensors").read_bytes()
        hysac = json.loads((model / "hysac.json").read_text())
        self.assertEqual(hysac["format_version"], 1)
        self.assertEqual(hysac["weights_sha256"], hashlib.sha256(weights).hexdigest())
        self.assertEqual(hysac["weights_size"], len(weights))
        checkpoint = REFERENCE / "small" / "hysac_model.pth"
        self.assertEqual(hysac["provenance"]["checkpoint"]["sha256"],
                         hashlib.sha256(checkpoint.read_bytes()).hexdigest())
        with safe_open(model / "model.safetensors", framework="pt") as tensors:
            self.assertEqual(tensors.metadata(), {"format": "pt"})
        header = 8 + int.from_bytes(weights[:8], "little")
        self.assertEqual(header % 64, 0)

    def test_defaults_are_written_out(self):
        """A config that leaves values to transformers gets them explicitly."""
        clip = self.scratch / "clip"
        shutil.copytree(REFERENCE / "small" / "clip", clip)
        source = REFERENCE / "small" / "clip" / "config.json"
        config = json.loads(source.read_text())
        keep = {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "image_size", "patch_size", "vocab_size"}
        edited_json(source, clip / "config.json", **{
            section: {key: value for key, value in config[section].items() if key in keep}
            for section in ("vision_config", "text_config")})
        edited_json(clip / "preprocessor_config.json", clip / "preprocessor_config.json",
                    size=70, crop_size=70, do_rescale=None, rescale_factor=None,
                    do_convert_rgb=None, image_processor_type=None)
        model = self.convert(clip=clip)
        made = json.loads((model / "config.json").read_text())
        kept = json.loads((REFERENCE / "small" / "model" / "config.json").read_text())
        kept["text_config"] |= {"bos_token_id": 49406, "eos_token_id": 49407}
        self.assertEqual(made, kept)
        self.assertEqual(
            json.loads((model / "preprocessor_config.json").read_text()),
            json.loads((REFERENCE / "small" / "model" / "preprocessor_config.json").read_text()))

    def test_tokenizer_json_where_only_that_exists(self):
        clip = self.scratch / "clip"
        shutil.copytree(REFERENCE / "small" / "clip", clip)
        CLIPTokenizerFast.from_pretrained(clip).backend_tokenizer.save(
            str(clip / "tokenizer.json"))
        (clip / "merges.txt").unlink()
        model = self.convert(clip=clip)
        self.assertEqual((model / "tokenizer.json").read_bytes(),
                         (clip / "tokenizer.json").read_bytes())
        self.assertFalse((model / "vocab.json").exists())
        (clip / "tokenizer.json").unlink()
        self.refuse("tokenizer.json", clip=clip, out=self.scratch / "other")

    def test_command_line(self):
        """The program itself: help, a conversion, a reproducible one, a missing option."""
        program = [sys.executable, str(ROOT / "training" / "convert.py")]
        shown = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True)
        self.assertIn("example:", shown.stdout)
        folder, made = REFERENCE / "small", []
        for name in ("a", "b"):
            subprocess.run(
                [*program, "--checkpoint", folder / "hysac_model.pth", "--bounds",
                 folder / "hysac_bounds.json", "--clip", folder / "clip", "--out",
                 self.scratch / name], check=True, capture_output=True,
                env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
            made.append({path.name: path.read_bytes()
                         for path in (self.scratch / name).iterdir()})
        self.assertEqual(made[0], made[1])


class BadCheckpoint(ConvertCase):
    """Each mistake in a checkpoint is one line that names it."""

    def edited(self, **changes):
        """A checkpoint with tensors replaced or added; None removes one."""
        state = state_dict()
        for key, value in changes.items():
            if value is None:
                del state[key]
            else:
                state[key] = value
        return self.save(state)

    def test_missing(self):
        for key in (K_PROJ + ".weight", "textual.base_model.model.text_projection.weight",
                    "curv"):
            with self.subTest(key):
                self.refuse("missing tensor: ", key.replace("base_model.model.", ""),
                            checkpoint=self.edited(**{key: None}))

    def test_unexpected(self):
        for key in ("visual.base_model.model.vision_model.surprise.weight", "visual_beta",
                    K_PROJ + ".lora_A.other.weight", K_PROJ + ".lora_magnitude_vector",
                    "textual.base_model.model.vision_model.post_layernorm.bias",
                    "textual.base_model.model.text_model.embeddings.patch_embedding.bias"):
            with self.subTest(key):
                self.refuse("unexpected tensor: ", key,
                            checkpoint=self.edited(**{key: torch.zeros(2)}))

    def test_many_unexpected_stay_one_line(self):
        extra = {f"extra.{number}": torch.zeros(1) for number in range(9)}
        self.refuse("extra.0, extra.1, extra.2 and 6 more", checkpoint=self.edited(**extra))

    def test_shape(self):
        for key, shape in ((K_PROJ + ".weight", (80, 72)), (PATCH + ".bias", (81,)),
                           (PATCH + ".lora_B.default.weight", (80, 4)),
                           (K_PROJ + ".lora_B.default.weight", (80, 5)),
                           (K_PROJ + ".lora_A.default.weight", ()), ("curv", (2,))):
            with self.subTest(key):
                self.refuse(key, "has shape", str(list(shape)),
                            checkpoint=self.edited(**{key: torch.zeros(shape)}))

    def test_values(self):
        for value in (math.nan, math.inf):
            for key in (K_PROJ + ".bias", PATCH + ".bias", "curv",
                        K_PROJ + ".lora_A.default.weight"):
                with self.subTest(f"{key} {value}"):
                    tensor = state_dict()[key]
                    tensor.view(-1)[-1] = value
                    self.refuse(key, "NaN", checkpoint=self.edited(**{key: tensor}))
        self.refuse("curv", "logarithm", checkpoint=self.edited(curv=torch.tensor(100.0)))
        whole = torch.zeros(80, dtype=torch.int64)
        self.refuse(K_PROJ + ".bias", "int64",
                    checkpoint=self.edited(**{K_PROJ + ".bias": whole}))
        self.refuse(K_PROJ + ".bias", "sparse",
                    checkpoint=self.edited(**{K_PROJ + ".bias": torch.zeros(80).to_sparse()}))
        self.convert(checkpoint=self.edited(
            **{K_PROJ + ".bias": torch.nn.Parameter(torch.zeros(80))}))

    def test_half_a_lora_pair(self):
        for gone in "AB":
            with self.subTest(gone):
                self.refuse(f"lora_{gone} of", "k_proj.weight", "stands alone", checkpoint=(
                    self.edited(**{f"{K_PROJ}.lora_{gone}.default.weight": None})))

    def test_both_namings_at_once(self):
        twice = state_dict()[K_PROJ + ".weight"]
        self.refuse("twice", K_PROJ, checkpoint=self.edited(
            **{K_PROJ + ".base_layer.weight": twice}))

    def test_not_a_state_dict(self):
        self.refuse("a state_dict is expected", checkpoint=self.save([torch.zeros(1)]))
        self.refuse("'model' is not a tensor", checkpoint=self.save({"model": state_dict()}))

    def test_code_is_never_run(self):
        witness = self.scratch / "ran"

        class Code:
            def __reduce__(self):
                return os.system, (f"touch {witness}",)

        for name, legacy in (("zip", False), ("legacy", True)):
            with self.subTest(name):
                path = self.scratch / "code.pth"
                torch.save({"curv": Code()}, path, _use_new_zipfile_serialization=not legacy)
                self.refuse(str(path), checkpoint=path)
                self.assertFalse(witness.exists())

    def test_torchscript(self):
        path = self.scratch / "script.pth"
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
        self.refuse("TorchScript", checkpoint=path)

    def test_truncated(self):
        whole = (REFERENCE / "small" / "hysac_model.pth").read_bytes()
        path = self.scratch / "cut.pth"
        for size in (0, 3, 1000, len(whole) // 2, len(whole) - 1):
            with self.subTest(size):
                path.write_bytes(whole[:size])
                self.refuse(str(path), checkpoint=path)

    def test_damaged_inside(self):
        """One bit of a weight, and bytes of the pickle, inside an intact zip listing."""
        whole = (REFERENCE / "small" / "hysac_model.pth").read_bytes()
        path = self.scratch / "damaged.pth"
        for at in (len(whole) // 2, whole.index(b"_rebuild_tensor_v2")):
            with self.subTest(at):
                damaged = bytearray(whole)
                damaged[at] ^= 1
                path.write_bytes(damaged)
                self.refuse(str(path), "fails its checksum", checkpoint=path)

    def test_tensor_listed_as_a_folder(self):
        """torch.load would leave it as memory was (found by test_random_damage, seed 4251732211)."""
        damaged = bytearray((REFERENCE / "small" / "hysac_model.pth").read_bytes())
        entry = damaged.rindex(b"/data/119PK") - len(b"hysac_model") - 46
        self.assertEqual(damaged[entry:entry + 4], b"PK\1\2")
        damaged[entry + 38] = 0x10
        path = self.scratch / "damaged.pth"
        path.write_bytes(damaged)
        self.refuse(str(path), "listed as a folder", checkpoint=path)

    def test_random_damage(self):
        """Bytes changed anywhere: refused in one line, or not changing a single weight."""
        whole = (REFERENCE / "small" / "hysac_model.pth").read_bytes()
        wanted = json.loads((self.convert() / "hysac.json").read_text())["weights_sha256"]
        seed = int.from_bytes(os.urandom(4), "little")
        print(f"random damage: seed {seed}", file=sys.stderr)
        chance, path = random.Random(seed), self.scratch / "damaged.pth"
        for _ in range(60):
            damaged = bytearray(whole)
            start = chance.choice((0, 0, len(whole) - 20000))
            end = chance.choice((30000, len(whole))) if start == 0 else len(whole)
            for _ in range(chance.choice((1, 4, 30))):
                damaged[chance.randrange(start, end)] = chance.randrange(256)
            path.write_bytes(damaged)
            code, stderr = self.run_convert("--force", checkpoint=path)
            if code:
                self.assertEqual((code, stderr.count("\n")), (1, 1), stderr)
            else:
                hysac = json.loads((self.out / "hysac.json").read_text())
                self.assertEqual(hysac["weights_sha256"], wanted)

    def test_absent(self):
        self.refuse("nowhere.pth: No such file", checkpoint=self.scratch / "nowhere.pth")
        self.refuse("Is a directory", checkpoint=self.scratch)


class BadConfiguration(ConvertCase):
    """Mistakes in the JSON files."""

    def with_clip(self, file, **changes):
        clip = self.scratch / "clip"
        shutil.rmtree(clip, ignore_errors=True)
        shutil.copytree(REFERENCE / "small" / "clip", clip)
        edited_json(clip / file, clip / file, **changes)
        return clip

    def section(self, name, **changes):
        config = json.loads((REFERENCE / "small" / "clip" / "config.json").read_text())
        return self.with_clip("config.json", **{name: {**config[name], **changes}})

    def test_wrong_shape_against_config(self):
        self.refuse("fc1.weight has shape [320, 80]", "[321, 80]",
                    clip=self.section("vision_config", intermediate_size=321))
        self.refuse("position_embedding.weight has shape [26, 80]", "[37, 80]",
                    clip=self.with_image_size(84))
        self.refuse("missing tensors: ", "layers.3.", "and 13 more",
                    clip=self.section("vision_config", num_hidden_layers=4))
        self.refuse("unexpected tensors: ", "layers.2.",
                    clip=self.section("vision_config", num_hidden_layers=2))

    def with_image_size(self, size):
        clip = self.section("vision_config", image_size=size)
        path = clip / "preprocessor_config.json"
        edited_json(path, path, size=size, crop_size=size)
        return clip

    def test_config(self):
        for section, changes, word in (
                ("vision_config", {"num_attention_heads": 7}, "multiple"),
                ("vision_config", {"num_hidden_layers": 10 ** 9}, "num_hidden_layers"),
                ("vision_config", {"patch_size": 0}, "patch_size"),
                ("vision_config", {"patch_size": 71}, "exceeds"),
                ("vision_config", {"num_channels": 4}, "num_channels"),
                ("vision_config", {"hidden_act": "relu"}, "relu"),
                ("vision_config", {"projection_dim": 49}, "projection_dim"),
                ("text_config", {"hidden_size": True}, "hidden_size"),
                ("text_config", {"layer_norm_eps": 0.0}, "layer_norm_eps"),
                ("text_config", {"eos_token_id": -1}, "eos_token_id"),
                ("text_config", {"vocab_size": 700}, "vocab_size is 700")):
            with self.subTest(word):
                self.refuse(word, clip=self.section(section, **changes))
        self.refuse("model_type", clip=self.with_clip("config.json", model_type="siglip"))
        self.refuse("text_config", clip=self.with_clip("config.json", text_config=None))

    def test_preprocessor(self):
        for changes, word in (({"resample": 2}, "bicubic"), ({"do_resize": False}, "do_resize"),
                              ({"crop_size": 64}, "crop_size"), ({"size": 60}, "size"),
                              ({"size": {"height": 70, "width": 70}}, "size"),
                              ({"image_std": [0.1, 0.0, 0.1]}, "image_std"),
                              ({"image_mean": [0.1]}, "image_mean"),
                              ({"rescale_factor": 1.0}, "rescale_factor")):
            with self.subTest(changes):
                self.refuse(word, clip=self.with_clip("preprocessor_config.json", **changes))

    def test_tokenizer(self):
        self.refuse("<|endoftext|>",
                    clip=self.with_clip("vocab.json", **{"<|endoftext|>": None}))
        self.refuse("'zzz'", clip=self.with_clip("vocab.json", zzz=745))

    def test_bounds(self):
        path = self.scratch / "bounds.json"
        for text, word in (("{", "not valid JSON"), ("[1]", "object"), ("{}", "up_95"),
                           ('{"V":{"up_95":NaN},"S":{"up_95":1}}', "NaN"),
                           ('{"V":{"up_95":1e999},"S":{"up_95":1}}', "1e999"),
                           ('{"V":{"up_95":-1},"S":{"up_95":1}}', "above 0"),
                           ('{"V":{"up_95":"x"},"S":{"up_95":1}}', "finite"),
                           ('{"V":{"up_95":1}}', '["S"]["up_95"]')):
            with self.subTest(text):
                path.write_text(text)
                self.refuse(word, bounds=path)

    def test_lora_alpha(self):
        for alpha in ("0", "nan", "inf"):
            self.refuse("--lora-alpha", options=("--lora-alpha", alpha))


class Output(ConvertCase):
    """Where the result may go, and what is left when it may not."""

    def test_existing(self):
        self.convert()
        code, stderr = self.run_convert()
        self.assertEqual(code, 1)
        self.assertIn("--force", stderr)
        self.convert("--force", "--dtype", "f16")
        self.assertIn('"float16"', (self.out / "config.json").read_text())

    def test_failure_keeps_the_old_model(self):
        self.convert()
        before = (self.out / "hysac.json").read_bytes()
        code, _ = self.run_convert("--force", checkpoint=self.scratch / "nowhere.pth")
        self.assertEqual(code, 1)
        self.assertEqual((self.out / "hysac.json").read_bytes(), before)
        self.assertEqual(list(self.out.parent.iterdir()), [self.out])

    def test_force_replaces_only_models(self):
        self.out.mkdir(parents=True)
        (self.out / "thesis.tex").write_text("mine")
        self.refuse("thesis.tex", options=("--force",), out=self.out)
        self.assertEqual((self.out / "thesis.tex").read_text(), "mine")

    def test_empty_directory_and_link(self):
        self.out.mkdir(parents=True)
        self.convert()
        target, link = self.scratch / "target", self.scratch / "link"
        target.mkdir()
        link.symlink_to(target)
        self.convert(out=link)
        self.assertTrue(link.is_symlink() and (target / "hysac.json").exists())

    def test_file_in_the_way(self):
        (self.scratch / "file").write_text("")
        self.refuse("not a directory", out=self.scratch / "file")
        self.refuse("file", out=self.scratch / "file" / "model")

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_unwritable(self):
        self.out.parent.mkdir()
        self.out.parent.chmod(0o500)
        self.refuse("Permission denied")


if __name__ == "__main__":
    unittest.main()
