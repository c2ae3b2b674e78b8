# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model folder's vision tower as an ONNX graph, written out node by node."""
import json
import pathlib
import struct

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Weights:
    """model.safetensors (F32 or F16), mapped; F32 comes out."""

    def __init__(self, path):
        data = np.memmap(path, dtype=np.uint8, mode="r")
        size = struct.unpack("<Q", data[:8].tobytes())[0]
        self.table = json.loads(data[8:8 + size].tobytes())
        self.data = data[8 + size:]

    def __getitem__(self, name):
        entry = self.table[name]
        kind = {"F32": np.float32, "F16": np.float16}[entry["dtype"]]
        begin, end = entry["data_offsets"]
        return np.frombuffer(self.data[begin:end].tobytes(), dtype=kind).astype(np.float32).reshape(entry["shape"])


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def add(self, op, inputs, domain="", outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x, weight, bias):
        return self.add("Add", [self.add("MatMul", [x, self.constant(weight.T)]), self.constant(bias)])


def build(folder, fused):
    """@fused: the attention is ONNX Runtime's own fused operator, else plain ONNX."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    vision = config["vision_config"]
    width, heads, layers = vision["hidden_size"], vision["num_attention_heads"], vision["num_hidden_layers"]
    patch, size, eps = vision["patch_size"], vision["image_size"], vision["layer_norm_eps"]
    dim, tokens = width // heads, (size // patch) ** 2 + 1
    weights, graph = Weights(folder / "model.safetensors"), Graph()
    model = "vision_model."

    def norm(x, name):
        return graph.add("LayerNormalization",
                         [x, graph.constant(weights[name + ".weight"]), graph.constant(weights[name + ".bias"])],
                         epsilon=eps, axis=-1)

    def activation(x):
        if vision["hidden_act"] == "gelu":
            half = graph.add("Mul", [x, graph.constant(np.float32(0.5))])
            erf = graph.add("Erf", [graph.add("Div", [x, graph.constant(np.float32(2 ** 0.5))])])
            return graph.add("Mul", [half, graph.add("Add", [erf, graph.constant(np.float32(1))])])
        scaled = graph.add("Mul", [x, graph.constant(np.float32(1.702))])
        return graph.add("Mul", [x, graph.add("Sigmoid", [scaled])])

    def attention(x, base):
        parts = [(weights[f"{base}{p}_proj.weight"], weights[f"{base}{p}_proj.bias"]) for p in "qkv"]
        if fused:
            weight = np.concatenate([w.T for w, _ in parts], axis=1)
            bias = np.concatenate([b for _, b in parts])
            return graph.add("Attention", [x, graph.constant(weight), graph.constant(bias)],
                             domain="com.microsoft", num_heads=heads)
        shape = graph.constant(np.array([0, tokens, heads, dim], dtype=np.int64))
        q, k, v = (graph.add("Reshape", [graph.linear(x, w, b), shape]) for w, b in parts)
        q = graph.add("Mul", [q, graph.constant(np.float32(dim ** -0.5))])
        q = graph.add("Transpose", [q], perm=[0, 2, 1, 3])
        k = graph.add("Transpose", [k], perm=[0, 2, 3, 1])
        v = graph.add("Transpose", [v], perm=[0, 2, 1, 3])
        p = graph.add("Softmax", [graph.add("MatMul", [q, k])], axis=-1)
        out = graph.add("Transpose", [graph.add("MatMul", [p, v])], perm=[0, 2, 1, 3])
        return graph.add("Reshape", [out, graph.constant(np.array([0, tokens, width], dtype=np.int64))])

    x = graph.add("Conv", ["pixels", graph.constant(weights[model + "embeddings.patch_embedding.weight"])],
                  kernel_shape=[patch, patch], strides=[patch, patch])
    x = graph.add("Reshape", [x, graph.constant(np.array([0, width, tokens - 1], dtype=np.int64))])
    x = graph.add("Transpose", [x], perm=[0, 2, 1])
    positions = weights[model + "embeddings.position_embedding.weight"]
    x = graph.add("Add", [x, graph.constant(positions[None, 1:])])
    first = weights[model + "embeddings.class_embedding"] + positions[0]
    batch = graph.add("Slice", [graph.add("Shape", ["pixels"])] + [
        graph.constant(np.array([i], dtype=np.int64)) for i in (0, 1)])
    shape = graph.add("Concat", [batch, graph.constant(np.array([1, width], dtype=np.int64))], axis=0)
    x = graph.add("Concat", [graph.add("Expand", [graph.constant(first[None, None]), shape]), x], axis=1)
    x = norm(x, model + "pre_layrnorm")
    for i in range(layers):
        base = f"{model}encoder.layers.{i}."
        y = attention(norm(x, base + "layer_norm1"), base + "self_attn.")
        y = graph.linear(y, weights[base + "self_attn.out_proj.weight"], weights[base + "self_attn.out_proj.bias"])
        x = graph.add("Add", [x, y])
        y = norm(x, base + "layer_norm2")
        y = activation(graph.linear(y, weights[base + "mlp.fc1.weight"], weights[base + "mlp.fc1.bias"]))
        y = graph.linear(y, weights[base + "mlp.fc2.weight"], weights[base + "mlp.fc2.bias"])
        x = graph.add("Add", [x, y])
    x = graph.add("Gather", [x, graph.constant(np.array(0, dtype=np.int64))], axis=1)
    x = norm(x, model + "post_layernorm")
    x = graph.add("MatMul", [x, graph.constant(weights["visual_projection.weight"].T)])
    made = helper.make_graph(
        graph.nodes, "vision", [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", config["projection_dim"]])], graph.constants)
    return helper.make_model(made, ir_version=9, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]), vision
