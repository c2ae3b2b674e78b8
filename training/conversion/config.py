"""The JSON files beside the weights: checked, and every default written out."""

import math

from .sources import ConvertError, read_json

# The defaults of transformers' CLIPVisionConfig and CLIPTextConfig, written out where a
# source config leaves them to the library.
VISION_DEFAULTS = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "num_channels": 3, "image_size": 224, "patch_size": 32,
    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}
TEXT_DEFAULTS = {
    "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048,
    "num_hidden_layers": 12, "num_attention_heads": 8, "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    "pad_token_id": 1, "bos_token_id": 49406, "eos_token_id": 49407,
}
DEFAULT_PROJECTION_DIM = 512
ACTIVATIONS = ("quick_gelu", "gelu")
MAX_LAYERS = 1024
MAX_DIMENSION = 1 << 24
DTYPE_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def integer(section, values, key, least=1, most=MAX_DIMENSION):
    """An integer of the config within bounds."""
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConvertError(f"config.json: {section}.{key} is {value!r}; "
                           f"an integer from {least} to {most} is expected")
    return value


def tower_config(source, section, defaults, projection_dim):
    """One tower's section with every value written out."""
    given = source.get(section)
    if given is None:
        given = source.get(section + "_dict")  # only old configs have nothing but this
    if not isinstance(given, dict):
        raise ConvertError(f"config.json: {section} is missing or not an object")
    values = {key: given.get(key, default) for key, default in defaults.items()}
    for key in values:
        if key == "num_hidden_layers":
            integer(section, values, key, most=MAX_LAYERS)
        elif key.endswith("_token_id"):
            integer(section, values, key, least=0)
        elif key not in ("hidden_act", "layer_norm_eps"):
            integer(section, values, key)
    if values["hidden_act"] not in ACTIVATIONS:
        raise ConvertError(f"config.json: {section}.hidden_act is {values['hidden_act']!r}; "
                           f"one of {', '.join(ACTIVATIONS)} is expected")
    eps = values["layer_norm_eps"]
    if not isinstance(eps, float) or not 0.0 < eps < 1.0:
        raise ConvertError(f"config.json: {section}.layer_norm_eps is {eps!r}; "
                           "a number between 0 and 1 is expected")
    if values["hidden_size"] % values["num_attention_heads"]:
        raise ConvertError(f"config.json: {section}.hidden_size {values['hidden_size']} is not "
                           f"a multiple of num_attention_heads {values['num_attention_heads']}")
    own = given.get("projection_dim", projection_dim)
    if own != projection_dim:
        raise ConvertError(f"config.json: {section}.projection_dim is {own!r}, "
                           f"but projection_dim is {projection_dim}")
    values["projection_dim"] = projection_dim
    return values


def clip_config(path, dtype):
    """config.json, cleaned: what a loader needs, explicit, and nothing else."""
    source = read_json(path)
    if source.get("model_type") != "clip":
        raise ConvertError(f"{path}: model_type is {source.get('model_type')!r}; "
                           "'clip' is expected")
    top = {"projection_dim": source.get("projection_dim", DEFAULT_PROJECTION_DIM)}
    projection_dim = integer("the top level", top, "projection_dim")
    vision = tower_config(source, "vision_config", VISION_DEFAULTS, projection_dim)
    text = tower_config(source, "text_config", TEXT_DEFAULTS, projection_dim)
    if vision["num_channels"] != 3:
        raise ConvertError(f"config.json: num_channels is {vision['num_channels']}; "
                           "3 is expected")
    if vision["patch_size"] > vision["image_size"]:
        raise ConvertError(f"config.json: patch_size {vision['patch_size']} exceeds "
                           f"image_size {vision['image_size']}")
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "torch_dtype": DTYPE_NAMES[dtype],
        "projection_dim": projection_dim,
        "text_config": {"model_type": "clip_text_model", **text},
        "vision_config": {"model_type": "clip_vision_model", **vision},
    }


def preprocessor_config(path, image_size):
    """preprocessor_config.json, with the short forms of older files written out."""
    source = read_json(path)
    size = source.get("size", image_size)
    size = size.get("shortest_edge") if isinstance(size, dict) else size
    crop = source.get("crop_size", image_size)
    crop = [crop.get("height"), crop.get("width")] if isinstance(crop, dict) else [crop, crop]
    if isinstance(size, bool) or not isinstance(size, int) or not image_size <= size <= 1 << 16:
        raise ConvertError(f"{path}: size {source.get('size')!r} gives no shortest edge "
                           f"of at least image_size {image_size}")
    if crop != [image_size, image_size]:
        raise ConvertError(f"{path}: crop_size {source.get('crop_size')!r} differs from "
                           f"config.json's image_size {image_size}")
    for key in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if source.get(key, True) is not True:
            raise ConvertError(f"{path}: {key} must be true")
    if source.get("resample", 3) != 3:
        raise ConvertError(f"{path}: resample is {source['resample']!r}; 3 (bicubic) is expected")
    for key in ("image_mean", "image_std"):
        values = source.get(key)
        if (not isinstance(values, list) or len(values) != 3
                or not all(type(v) in (int, float) for v in values)
                or (key == "image_std" and min(values) <= 0)):
            raise ConvertError(f"{path}: {key} must be three numbers"
                               + (" above 0" if key == "image_std" else ""))
    rescale = source.get("rescale_factor", 1 / 255)
    if not isinstance(rescale, float) or abs(rescale * 255 - 1) > 1e-9:
        raise ConvertError(f"{path}: rescale_factor is {rescale!r}; 1/255 is expected")
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True, "size": {"shortest_edge": size}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": image_size, "width": image_size},
        "do_rescale": True, "rescale_factor": rescale,
        "do_normalize": True,
        "image_mean": source["image_mean"], "image_std": source["image_std"],
    }


def tokenizer_files(clip, vocab_size):
    """The tokenizer files to copy: vocab.json and merges.txt, else tokenizer.json."""
    vocab, merges, whole = (clip / name for name in ("vocab.json", "merges.txt", "tokenizer.json"))
    if not (vocab.exists() and merges.exists()):
        if not whole.exists():
            raise ConvertError(f"{clip}: neither vocab.json with merges.txt nor tokenizer.json")
        model = read_json(whole).get("model")
        if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
            raise ConvertError(f"{whole}: model.vocab is missing")
        files, ids, where = [whole], model["vocab"], whole
    else:
        files, ids, where = [vocab, merges], read_json(vocab), vocab
    for token, number in ids.items():
        if type(number) is not int or not 0 <= number < vocab_size:
            raise ConvertError(f"{where}: token {token!r} has id {number!r}; config.json's "
                               f"vocab_size is {vocab_size}")
    for token in ("<|startoftext|>", "<|endoftext|>"):
        if token not in ids:
            raise ConvertError(f"{where}: no token {token}")
    return files


def read_bounds(path):
    """The percentiles of hysac_bounds.json, as given."""
    bounds = read_json(path)
    for side in ("V", "S"):
        values = bounds.get(side)
        if not isinstance(values, dict) or "up_95" not in values:
            raise ConvertError(f"{path}: [\"{side}\"][\"up_95\"] is missing")
        for key, value in values.items():
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ConvertError(f"{path}: [\"{side}\"][\"{key}\"] is {value!r}; "
                                   "a finite number is expected")
        if values["up_95"] <= 0:
            raise ConvertError(f"{path}: [\"{side}\"][\"up_95\"] is {values['up_95']!r}; "
                               "a distance above 0 is expected")
    return bounds
