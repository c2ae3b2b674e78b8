# SPDX-License-Identifier: LGPL-2.1-or-later
"""encoder.py's results as text: tables in Markdown, and a picture, into docs/performance.md."""
import datetime
import shlex
import statistics

import sections

TITLES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "ours": "ours"}


def title(key):
    return TITLES[key.split("-")[0]]


def median(times):
    return statistics.median(times)


def ratio(ours, theirs):
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs) if b > 0)


def peers_of(result, precision):
    return [k for k, p in result["precision"].items() if p == precision and not k.startswith("ours")]


def roofline(facts, result, precision):
    """The roofline's milliseconds, by the better of the peaks around the rounds, or None."""
    kind = "cpu_ms" if facts["cpu_time"] else "wall_ms"
    return min((row[kind] for peaks in result["peaks"] for row in peaks["rooflines"] if row["precision"] == precision),
               default=None)


def span(values):
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


def cell(times):
    return f"{median(times):.1f} ({min(times):.1f})"


def speed(facts):
    lines = ["| model | batch | precision | ours | ONNX Runtime | OpenVINO | ours / ONNX Runtime | ours / OpenVINO "
             "| share of the roofline |", "|---|---|---|---|---|---|---|---|---|"]
    for result in facts["results"]:
        times = result["times"]
        for precision in dict.fromkeys(result["precision"].values()) if times else ():
            ours = times.get(f"ours-{precision}")
            peers = {title(key): times[key] for key in peers_of(result, precision)}
            cells = [result["model"], str(result["batch"]), precision, cell(ours) if ours else "none"]
            cells += [cell(peers[p]) if p in peers else "" for p in ("ONNX Runtime", "OpenVINO")]
            cells += [f"{ratio(ours, peers[p]):.3f}" if ours and p in peers else "" for p in ("ONNX Runtime", "OpenVINO")]
            bound = roofline(facts, result, precision)
            cells.append(f"{bound / median(ours) * 100:.0f} %" if ours and bound else "")
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def accuracy(facts):
    lines = ["| model | pictures | who | cosine, lowest | distance, highest relative error | verdicts that flip |",
             "|---|---|---|---|---|---|"]
    for result in facts["results"]:
        measured = result.get("accuracy")
        for key, row in measured["rows"].items() if measured else ():
            if key == "onnxruntime-fp32":
                continue
            flips = f"{row['flips']} of {measured['pictures']}" if "flips" in row else ""
            lines.append(f"| {result['model']} | {measured['pictures']} | {title(key)} {result['precision'][key]} "
                         f"| {row['cosine']:.7f} | {row['distance']:.1e} | {flips} |")
    return lines


def unique(values):
    return list(dict.fromkeys(values))


def text(facts):
    results = facts["results"]
    lines = [f"Device: {facts['device']}; {facts['threads']} threads each; "
             + ("processor time divided by the threads" if facts["cpu_time"] else "wall clock") + ".", ""]
    if any(result["times"] for result in results):
        lines += [f"Milliseconds a batch, medians of {facts['rounds']} rounds in alternation (the best in brackets); ratios are "
                  "medians of the rounds' ratios, below 1: ours is faster.", ""]
        lines += speed(facts) + [""]
    measured = [peaks["peaks"] for result in results for peaks in result["peaks"]]
    if measured:
        kind = "cpu" if facts["cpu_time"] else "wall"
        peaks = [f"{name} {span(values)} {unit}" for name, unit in (("fp32", "GFLOP/s"), ("bf16", "GFLOP/s"),
                 ("int8", "GOP/s"), ("memory", "GB/s")) if min(values := [peak[name][kind] for peak in measured]) > 0]
        lines += ["Peaks that the benchmark measured before and after each model's and batch's rounds, of the better of which its "
                  "roofline is made: " + ", ".join(peaks) + ".", ""]
    if any(result.get("accuracy") for result in results):
        lines += ["Accuracy against ONNX Runtime in fp32, the worst of all pictures:", ""] + accuracy(facts) + [""]
    if facts["products"]:
        lines += ["The layers' matrix products in fp32 alone; ours has its weights packed beforehand and adds the bias, CLBlast has no "
                  "parameters tuned for this device:", "", facts["products"].strip(), ""]
    lines += ["Who ran, at the best settings of those that were tried:", ""]
    for name in unique(name for result in results for name in result["names"].values()):
        where = unique(f"{r['model']} {r['batch']}" for r in results if name in r["names"].values())
        who = "" if name.startswith(("ONNX", "OpenVINO")) else "ours: "
        lines.append(f"- {who}{name} ({', '.join(where)})")
    for key, reason in unique((key, reason) for result in results for key, reason in result["skipped"]):
        lines.append(f"- not {key}: {reason}")
    return "\n".join(lines) + "\n"


def picture(path, facts):
    """Bars of milliseconds an image, hatched and labelled, so that colour is not needed to tell them apart."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "encoder", "font.size": 9})
    from matplotlib import pyplot
    timed = [r for r in facts["results"] if r["times"]]
    styles = {"ours": ("#0b5394", ""), "ONNX Runtime": ("#e8c39e", "///"), "OpenVINO": ("#d9d9d9", "...")}
    figure, axes = pyplot.subplots(len(timed), 1, figsize=(7, 0.7 + sum(0.4 + 0.24 * len(r["times"]) for r in timed)),
                                   height_ratios=[1.2 + len(r["times"]) for r in timed], squeeze=False)
    for axis, result in zip(axes[:, 0], timed):
        order = sorted(result["times"], key=lambda k: ("fp32", "bf16", "int8").index(result["precision"][k]))
        for place, key in enumerate(order):
            colour, hatch = styles[title(key)]
            value = median(result["times"][key]) / result["batch"]
            axis.barh(place, value, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
            axis.annotate(f" {value:.1f}", (value, place), va="center")
        axis.set_yticks(range(len(order)), [f"{title(k)} {result['precision'][k]}" for k in order])
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.set_title(f"{result['model']}, batch {result['batch']}", loc="left", fontsize=9, fontweight="bold")
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("milliseconds an image" + (", processor time / threads" if facts["cpu_time"] else ""))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def write(facts, body, arguments):
    """docs/performance.md's section of this kind of processor, and its picture."""
    kind = sections.picture()
    date = datetime.date.today().isoformat()
    said = list(arguments)
    if "--json" in said:
        del said[said.index("--json"):said.index("--json") + 2]
    command = shlex.join(["tests/bench/encoder.py", *said, "--write-docs"])
    image = ""
    if any(result["times"] for result in facts["results"]):
        path = sections.ROOT / "docs" / "images" / f"encoder-{kind}.svg"
        path.parent.mkdir(exist_ok=True)
        picture(path, facts)
        image = f"![Milliseconds an image of each model, batch and precision; the table below has the numbers](images/{path.name})\n\n"
    sections.replace("encoder.py", f"```sh\n{command}\n```\n\n{date}. {image}{body}\n")
