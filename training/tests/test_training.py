"""Tests of the generator, the tokenizer, the towers and the losses.

    python3 -m unittest discover -s training/tests -t .

Needs torch and Pillow; the parts that need transformers, ffmpeg, the emoji font or the built command
are skipped without them.
"""
import json
import math
import os
import random
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training import (augment, captions, categories, concepts, demo_concepts, losses, metrics, pictures, scenes,
                      tokenizer)
from training.model import Hysac, make_config, write_clip_folder

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(os.environ.get("HYSAC_TOOL", ROOT / "build" / "tools" / "hysac"))
HAVE_FONT = os.path.exists(os.environ.get("HYSAC_EMOJI_FONT", scenes.FONT))

# Two small sets of points on the hyperboloid of curvature 0.62.
POINTS_X = torch.tensor([[0.30, -0.20, 0.10], [0.05, 0.02, -0.01]])
POINTS_Y = torch.tensor([[0.50, 0.40, -0.30], [0.60, -0.50, 0.20]])
CURV = torch.tensor(0.62)


class PngFiles(unittest.TestCase):
    def test_one_picture_a_pair_and_side(self):
        with tempfile.TemporaryDirectory() as folder:
            pairs = np.random.default_rng(3).integers(0, 256, (5, 2, 8, 8, 3), np.uint8)
            np.save(f"{folder}/validation-0000.npy", pairs)
            with open(f"{folder}/validation-0000.json", "w") as file:
                json.dump([{}] * 5, file)
            self.assertEqual(pictures.write_pictures(folder, "validation", 1, f"{folder}/out"), 5)
            for side, name in enumerate(("safe", "unsafe")):
                files = sorted(os.listdir(f"{folder}/out/{name}"))
                self.assertEqual(len(files), 5)
                for i, file in enumerate(files):
                    with Image.open(f"{folder}/out/{name}/{file}") as image:
                        self.assertTrue(np.array_equal(np.asarray(image), pairs[i, side]))


class Geometry(unittest.TestCase):
    def test_exp_map_keeps_the_root_distance(self):
        v = torch.randn(64, 16, generator=torch.Generator().manual_seed(3)).double() / 2
        for curv in (0.1, 0.62, 1.0, 10.0):
            curv = torch.tensor(curv, dtype=torch.double)
            x = losses.exp_map0(v, curv)
            d = losses.pairwise_dist(torch.zeros(1, 16, dtype=torch.double), x, curv)[0]
            self.assertLess(float((d - v.norm(dim=-1)).abs().max()), 1e-6)

    def test_root_distance_is_capped(self):
        curv = torch.tensor(4.0)
        d = losses.root_distance(torch.full((1, 4), 1e6), 1.0, curv)
        self.assertAlmostEqual(float(d), math.asinh(2.0 ** 15) / 2, places=5)

    def test_distance_by_the_formula(self):
        x, y = POINTS_X.double(), POINTS_Y.double()
        d = losses.pairwise_dist(x, y, CURV.double())
        for i in range(2):
            for j in range(2):
                tx = math.sqrt(1 / 0.62 + float(x[i] @ x[i]))
                ty = math.sqrt(1 / 0.62 + float(y[j] @ y[j]))
                want = math.acosh(-0.62 * (float(x[i] @ y[j]) - tx * ty)) / math.sqrt(0.62)
                self.assertAlmostEqual(float(d[i, j]), want, places=6)

    def test_half_aperture(self):
        x = torch.tensor([[0.4, 0.3, 0.0]])
        want = math.asin(0.2 / (0.5 * math.sqrt(0.62) + 1e-5))
        self.assertAlmostEqual(float(losses.half_aperture(x, CURV)[0]), want, places=6)
        near = losses.half_aperture(torch.full((1, 3), 1e-6), CURV)
        self.assertGreater(float(near[0]), 1.56)

    def test_oxy_angle_of_points_on_one_ray(self):
        x = torch.tensor([[0.3, 0.4, 0.0]])
        ahead = losses.oxy_angle(x, 2 * x, CURV)
        behind = losses.oxy_angle(x, 0.5 * x, CURV)
        self.assertLess(float(ahead[0]), 0.02)
        self.assertGreater(float(behind[0]), math.pi - 0.02)

    def test_oxy_angle_by_the_law_of_cosines(self):
        x, y, curv = POINTS_X[:1].double(), POINTS_Y[:1].double(), CURV.double()
        zero = torch.zeros(1, 3, dtype=torch.double)
        r = math.sqrt(0.62)
        a = r * float(losses.pairwise_dist(zero, x, curv))
        b = r * float(losses.pairwise_dist(x, y, curv))
        c = r * float(losses.pairwise_dist(zero, y, curv))
        inner = math.acos((math.cosh(a) * math.cosh(b) - math.cosh(c)) / (math.sinh(a) * math.sinh(b)))
        self.assertAlmostEqual(float(losses.oxy_angle(x, y, curv)[0]), math.pi - inner, places=3)

    def test_entailment_is_zero_inside_the_cone(self):
        x = torch.tensor([[0.3, 0.4, 0.0]])
        self.assertEqual(float(losses.entailment(x, 1.5 * x, CURV)), 0.0)
        self.assertGreater(float(losses.entailment(x, -x, CURV)), 1.0)

    def test_contrastive_prefers_the_right_pairs(self):
        x = torch.eye(4) * 2
        right = losses.contrastive(x, x, CURV, torch.tensor(14.0))
        wrong = losses.contrastive(x, x.roll(1, 0), CURV, torch.tensor(14.0))
        self.assertLess(float(right), 0.01)
        self.assertGreater(float(wrong), 5.0)

    def test_equal_contents_are_no_negatives(self):
        x = torch.zeros(2, 4) + 0.5
        same = torch.ones(2, 2, dtype=torch.bool)
        self.assertLess(float(losses.contrastive(x, x, CURV, torch.tensor(14.0), same)), 1e-4)

    def test_radial_order_wants_ever_larger_radii(self):
        levels = [torch.full((3, 4), r) for r in (0.1, 0.2, 0.3, 0.4)]
        self.assertLess(float(losses.radial_order(levels)), 0.05)
        self.assertGreater(float(losses.radial_order(levels[::-1])), 5.0)

    def test_loss_has_finite_gradients_at_the_root(self):
        torch.manual_seed(0)
        points = [(torch.randn(6, 8) * s).requires_grad_() for s in (1e-3, 0.1, 0.5, 3.0)]
        loss, _ = losses.quadruplet_loss(*points, torch.tensor(1.0), torch.tensor(14.0))
        loss.backward()
        for p in points:
            self.assertTrue(torch.isfinite(p.grad).all())


class Words(unittest.TestCase):
    def test_pair_captions_differ_only_in_names(self):
        c = concepts.concept("blade")
        for seed in range(50):
            safe = captions.caption([c.safe[0]], random.Random(seed))
            unsafe = captions.caption([c.unsafe[0]], random.Random(seed))
            self.assertEqual(safe.replace("spoon", "knife"), unsafe.replace("knife", "knife"))

    def test_strange_words_are_the_same_in_both_captions(self):
        from training.dataset import captions_of
        record = {"safe": [0x1F436, 0x1F944], "unsafe": [0x1F436, 0x1F52A],
                  "safe_at": [[0.2, 0.2], [0.8, 0.5]], "unsafe_at": [[0.2, 0.2], [0.8, 0.5]]}
        rng, seen = random.Random(3), 0
        for _ in range(100):
            safe, unsafe = captions_of(record, rng, ("zzz",))
            self.assertEqual(safe.replace("spoon", "knife"), unsafe)
            seen += "zzz" in safe
        self.assertTrue(10 < seen < 60)

    def test_captions_say_where_things_are(self):
        from training.dataset import captions_of
        record = {"safe": [0x1F436, 0x1F944], "unsafe": [0x1F436, 0x1F52A],
                  "safe_at": [[0.2, 0.1], [0.8, 0.5]], "unsafe_at": [[0.2, 0.1], [0.8, 0.5]]}
        for seed in range(20):
            safe, unsafe = captions_of(record, random.Random(seed), placed=1.0)
            self.assertIn("dog at the top left", safe)
            self.assertIn("knife on the right", unsafe)
            mirrored = captions_of(record, random.Random(seed), placed=1.0, mirrored=True)[0]
            self.assertIn("dog at the top right", mirrored)
            self.assertIn("spoon on the left", mirrored)
            self.assertNotIn("right", captions_of(record, random.Random(seed), placed=0.0)[0])

    def test_names_and_codes_are_unique_and_splits_apart(self):
        every = (*concepts.key_glyphs("safe"), *concepts.key_glyphs("unsafe"),
                 *concepts.NEUTRAL_TRAIN, *concepts.NEUTRAL_HELDOUT)
        self.assertEqual(len({g.code for g in every}), len(every))
        self.assertEqual(len({g.name for g in every}), len(every))
        self.assertEqual({c.category for c in concepts.CONCEPTS}, set(concepts.CATEGORIES))

    def test_merges_make_whole_words(self):
        t = tokenizer.Tokenizer(tokenizer.train(["a knife, a spoon", "a knife and a fork"]))
        self.assertEqual(len(t.encode("a knife")), 4)
        self.assertEqual(t.end, max(t.vocab.values()))

    def test_reads_back_with_transformers(self):
        try:
            from transformers import CLIPTokenizer
        except ImportError:
            self.skipTest("no transformers")
        glyphs = (*concepts.key_glyphs("safe"), *concepts.key_glyphs("unsafe"))
        own = tokenizer.Tokenizer(tokenizer.train(captions.vocabulary_texts(glyphs)))
        with tempfile.TemporaryDirectory() as folder:
            own.save(folder)
            theirs = CLIPTokenizer(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"))
            rng = random.Random(5)
            for _ in range(200):
                text = captions.caption(rng.sample(glyphs, rng.randint(0, 3)), rng)
                self.assertEqual(theirs(text)["input_ids"], own.encode(text), text)


class Towers(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.config = make_config(600, image_size=36, patch=12, width=40, layers=2, heads=2,
                                  text_width=32, text_layers=2, text_heads=2, projection=24)
        self.model = Hysac(self.config).eval()

    def test_same_as_transformers(self):
        try:
            from transformers import CLIPConfig, CLIPModel
        except ImportError:
            self.skipTest("no transformers")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "config.json"), "w") as f:
                json.dump(self.config, f)
            clip = CLIPModel(CLIPConfig.from_pretrained(folder)).eval()
        state = {}
        for name, tensor in self.model.checkpoint().items():
            for prefix in ("visual.base_model.model.", "textual.base_model.model."):
                if name.startswith(prefix):
                    state[name[len(prefix):]] = tensor
        missing, unexpected = clip.load_state_dict(state, strict=False)
        self.assertEqual(unexpected, [])
        self.assertEqual([k for k in missing if "position_ids" not in k], ["logit_scale"])
        pixels = torch.randn(3, 3, 36, 36)
        ids = torch.tensor([[598, 5, 6, 7, 599, 599], [598, 9, 599, 599, 599, 599]])
        with torch.no_grad():
            self.assertLess(float((clip.get_image_features(pixels) - self.model.visual(pixels)).abs().max()), 1e-4)
            self.assertLess(float((clip.get_text_features(ids) - self.model.textual(ids)).abs().max()), 1e-4)

    def test_checkpoint_has_the_names_of_the_format(self):
        names = set(self.model.checkpoint())
        self.assertLessEqual({"curv", "logit_scale", "visual_alpha", "textual_alpha", "pixel_mean", "pixel_std",
                              "visual.base_model.model.vision_model.pre_layrnorm.weight",
                              "textual.base_model.model.text_projection.weight"}, names)
        self.assertFalse([n for n in names if "lora" in n])


    def test_starts_from_a_converted_model(self):
        from training.train import start_from
        try:
            from safetensors.torch import load_file
        except ImportError:
            self.skipTest("no safetensors")
        folder = os.path.join(os.path.dirname(__file__), "..", "..", "models", "demo")
        weights = load_file(os.path.join(folder, "model.safetensors"))
        own = tokenizer.Tokenizer(tokenizer.train(["a knife, a spoon and a word of no model"]))
        model = Hysac(make_config(len(own.vocab)))
        start_from(folder, model, own)
        name = "text_model.embeddings.token_embedding.weight"
        with open(os.path.join(folder, "vocab.json")) as file:
            old = json.load(file)["knife</w>"]
        rows = model.textual.state_dict()[name]
        self.assertTrue(torch.equal(rows[own.vocab["knife</w>"]], weights[name][old].float()))
        self.assertTrue(torch.equal(model.visual.visual_projection.weight, weights["visual_projection.weight"].float()))
        with open(os.path.join(folder, "hysac.json")) as file:
            self.assertAlmostEqual(float(model.curv.detach().exp()), json.load(file)["curvature"], places=5)


@unittest.skipUnless(HAVE_FONT, "no emoji font")
class Pictures(unittest.TestCase):
    def test_every_glyph_is_in_the_font(self):
        for g in (*concepts.key_glyphs("safe"), *concepts.key_glyphs("unsafe"),
                  *concepts.NEUTRAL_TRAIN, *concepts.NEUTRAL_HELDOUT):
            self.assertEqual(max(scenes.glyph_image(g.code, 128).size), 128, g.name)

    def test_a_pair_differs_only_near_the_key(self):
        rng = random.Random(4)
        for _ in range(20):
            pair = scenes.random_pair(rng)
            a, b = (np.asarray(s.render(96, 96), int) for s in (pair.safe, pair.unsafe))
            key = pair.unsafe.objects[-1]
            rows, columns = np.nonzero(np.abs(a - b).max(-1))
            self.assertGreater(len(rows), 0)
            reach = key.size * 96 * 0.75 + 3
            self.assertLess(np.abs(rows - 48 - key.y * 96).max(), reach)
            self.assertLess(np.abs(columns - 48 - key.x * 96).max(), reach)

    def test_centre_of_a_wide_frame_is_the_square_frame(self):
        scene = scenes.random_pair(random.Random(9)).unsafe
        wide = np.asarray(scene.render(320, 180), int)[:, 70:250]
        square = np.asarray(scene.render(180, 180), int)
        self.assertLessEqual(np.abs(wide - square).max(), 1)

    def test_objects_move_by_fractions_of_a_pixel(self):
        pair = scenes.random_pair(random.Random(2))
        item = scenes.replace(pair.unsafe.objects[-1], x=0.0, y=0.0)
        frames = [np.asarray(scenes.replace(pair.unsafe, objects=(scenes.replace(item, x=x),)).render(96, 96), int)
                  for x in (0.0, 0.25 / 96)]
        self.assertGreater(np.abs(frames[0] - frames[1]).max(), 0)

    def test_same_seed_same_pixels(self):
        def draw():
            rng = random.Random("x")
            pairs = [scenes.random_pair(rng) for _ in range(6)]
            return augment.degrade_pairs(pairs, [augment.Treatment.draw(rng, 0.0) for _ in pairs], rng, 96)
        self.assertTrue(np.array_equal(draw(), draw()))

    def test_splits_share_no_background(self):
        from training.backgrounds import HELDOUT_KINDS, TRAIN_KINDS
        self.assertFalse(set(HELDOUT_KINDS) & set(TRAIN_KINDS))

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg")
    def test_h264_gives_back_the_frames_in_order(self):
        frames = [np.full((96, 96, 3), v, np.uint8) for v in (20, 120, 220)]
        for before, after in zip(frames, augment.h264(frames, 24)):
            self.assertLess(abs(int(before.mean()) - int(after.mean())), 6)

    def test_jitter_treats_both_members_alike(self):
        one = torch.rand(4, 1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
        out, _ = augment.jitter(one.expand(-1, 2, -1, -1, -1), torch.Generator().manual_seed(2), 1.0)
        self.assertTrue(torch.equal(out[:, 0], out[:, 1]))


class Figures(unittest.TestCase):
    def test_auc(self):
        self.assertEqual(metrics.auc([0, 1], [2, 3]), 1.0)
        self.assertEqual(metrics.auc([0, 1], [0, 1]), 0.5)

    def test_recall_at_1(self):
        x = np.eye(5) * 0.5
        self.assertEqual(metrics.recall_at_1(x, x, 1.0), 1.0)


class DemoConcepts(unittest.TestCase):
    def test_file_is_what_is_written(self):
        path = os.path.join(os.path.dirname(__file__), "..", "..", "models", "demo", "concepts.json")
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        self.assertEqual(found, demo_concepts.concepts_file())
        unsafe = {c["category"] for c in found["concepts"] if not c.get("safe")}
        self.assertEqual(unsafe, {"hate", "harassment", "violence", "self-harm", "sexual", "shocking", "illegal"})
        names = [c["name"] for c in found["concepts"]]
        self.assertEqual(len(names), len(set(names)))
        # A safe glyph competes with all categories.
        self.assertFalse([c["name"] for c in found["concepts"] if c.get("safe") and "category" in c])


class Categories(unittest.TestCase):
    @staticmethod
    def scores(**inner_and_lead):
        return {name.replace("_", "-"): {"inner": inner, "lead": lead, "cone": 1.0}
                for name, (inner, lead) in inner_and_lead.items()}

    def test_figures_count_what_they_say(self):
        unsafe = [self.scores(hate=(-1.0, 0.1), violence=(-2.0, -0.9)),      # right, and named alone
                  self.scores(hate=(-1.0, 0.2), violence=(-1.5, 0.1)),       # the wrong one is nearer; both are named
                  self.scores(hate=(-3.0, -2.0), violence=(-2.0, -1.0))]     # right, and nothing is named
        safe = [self.scores(hate=(-3.0, -1.0), violence=(-3.0, -1.0))] * 2 + [self.scores(hate=(-3.0, -1.0), violence=(-3.0, 0.5))]
        out = categories.figures(["hate", "violence", "violence"], unsafe, safe)
        for key, value in (("nearest", 2 / 3), ("largest_lead", 2 / 3), ("chance", 2 / 3), ("named", 2 / 3),
                           ("named_alone", 1 / 3), ("named_count", 1.0), ("safe_named", 1 / 3)):
            self.assertAlmostEqual(out[key], value, msg=key)
        self.assertEqual(out["by_category"]["violence"],
                         {"samples": 2, "nearest": 0.5, "named": 0.5, "named_of_others": 0.0, "named_of_safe": 1 / 3})
        self.assertIn("| hate | 1 | 1.000 | 1.000 | 0.500 | 0.000 |", categories.report({"pictures": out}))

    def test_inside_a_cone_is_named(self):
        scores = self.scores(hate=(-1.0, -0.5), self_harm=(-2.0, -1.0))
        scores["self-harm"]["cone"] = 0.0
        self.assertEqual(categories.shown(scores), {"self-harm"})

    @unittest.skipUnless(HAVE_FONT and shutil.which("ffmpeg") and TOOL.exists(), "no emoji font, ffmpeg or hysac")
    def test_the_command_is_asked(self):
        """The README's figure, roughly: with the demo's own concepts the nearest one is nearly always right."""
        demo = ROOT / "models" / "demo"
        found = categories.measure(demo, demo / "concepts.json", TOOL, 1, 3, pairs=40)
        for kind in ("pictures", "captions"):
            self.assertEqual(found[kind]["samples"], 40)
            self.assertGreater(found[kind]["nearest"], 0.75, kind)
            self.assertLess(found[kind]["safe_named"], 0.2, kind)


if __name__ == "__main__":
    unittest.main()
