"""training/fetch.sh against a stand-in of the hub on 127.0.0.1.

The stand-in answers as the hub does: REPOSITORY/resolve/REVISION/FILE redirects small
files to a relative address and large ones to a content address, with the commit and the
large file's SHA-256 in headers. The real hub is never contacted.
"""

import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from support import REFERENCE, ROOT, ConvertCase

HYSAC, CLIP = "aimagelab/HySAC", "openai/clip-vit-large-patch14"
COMMITS = {HYSAC: "a" * 40, CLIP: "b" * 40}
SMALL = REFERENCE / "small"


def published_files():
    """Repository and file name -> content; the processor in the old form that CLIP has."""
    files = {(HYSAC, name): (SMALL / name).read_bytes()
             for name in ("hysac_model.pth", "hysac_bounds.json")}
    files |= {(CLIP, name): (SMALL / "clip" / name).read_bytes()
              for name in ("config.json", "vocab.json", "merges.txt")}
    processor = json.loads((SMALL / "clip" / "preprocessor_config.json").read_text())
    for key in ("do_convert_rgb", "do_rescale", "rescale_factor", "image_processor_type"):
        del processor[key]
    processor |= {"crop_size": 70, "size": 70, "feature_extractor_type": "CLIPFeatureExtractor"}
    files[CLIP, "preprocessor_config.json"] = json.dumps(processor).encode()
    return files


class Hub(http.server.ThreadingHTTPServer):
    """The stand-in. `spoiled` names a file whose bytes are changed on the way."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.spoiled, self.log = published_files(), None, []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(http.server.BaseHTTPRequestHandler):
    """One request to the stand-in."""

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        self.server.log.append((self.command, self.path))
        where = re.fullmatch(r"/(content/)?([^/]+/[^/]+)/resolve/([^/]+)/([^/]+)", self.path)
        stored, repository, revision, name = where.groups() if where else [None] * 4
        body = self.server.files.get((repository, name))
        if body is None or revision not in ("main", COMMITS[repository]):
            self.reply(404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found")
            return
        large = name.endswith(".pth")
        known = {"X_Repo_Commit": COMMITS[repository]}
        if large:
            known |= {"X_Linked_Etag": f'"{hashlib.sha256(body).hexdigest()}"',
                      "X_Linked_Size": str(len(body))}
        else:
            known["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
        if not stored:
            base = self.server.address if large else ""
            self.reply(302 if large else 307, Location=f"{base}/content{self.path}", **known)
            return
        if name == self.server.spoiled:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.reply(200, body, **known)

    do_HEAD = do_GET


class Fetch(ConvertCase):
    """The script's way from the hub to a model directory."""

    def setUp(self):
        super().setUp()
        self.hub = Hub()
        thread = threading.Thread(target=self.hub.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)

    def fetch(self, *arguments, endpoint=None):
        """Run the script with a cache of its own."""
        environment = {key: value for key, value in os.environ.items()
                       if not key.lower().endswith("_proxy") and not key.startswith("HF_")}
        environment |= {"HF_ENDPOINT": endpoint or self.hub.address,
                        "HF_HOME": str(self.scratch / "hub"), "HYSAC_VENV": sys.prefix}
        return subprocess.run([ROOT / "training" / "fetch.sh", *map(str, arguments)],
                              capture_output=True, text=True, env=environment, check=False)

    def transfers(self):
        """File names whose content was sent."""
        return sorted(Path(path).name for method, path in self.hub.log
                      if method == "GET" and path.startswith("/content"))

    def error_of(self, result):
        """The one line of error behind the licence notice and any progress bar."""
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        self.assertFalse(self.out.exists())
        return result.stderr.strip().splitlines()[-1]

    def test_fetches_and_converts(self):
        result = self.fetch("--accept-licence", self.out, "--dtype", "bf16")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("CC-BY-NC-4.0", result.stderr)
        self.assertEqual(self.transfers(), sorted(name for _, name in self.hub.files))
        hysac = json.loads((self.out / "hysac.json").read_text())
        self.assertEqual(hysac["licence"], "CC-BY-NC-4.0")
        self.assertEqual(hysac["provenance"]["origin"],
                         f"{HYSAC}@{'a' * 40}, {CLIP}@{'b' * 40}")
        here = self.scratch / "here"
        self.convert("--dtype", "bf16", out=here)
        for name in ("model.safetensors", "config.json", "preprocessor_config.json",
                     "vocab.json", "merges.txt"):
            self.assertEqual((self.out / name).read_bytes(), (here / name).read_bytes(), name)

        shutil.rmtree(self.out)
        again = self.fetch("--accept-licence", self.out)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(len(self.transfers()), len(self.hub.files), "all cached")

    def test_licence_comes_first(self):
        error = self.error_of(self.fetch(self.out))
        self.assertIn("--accept-licence", error)
        self.assertEqual(self.hub.log, [])

    def test_usage(self):
        for arguments in ((), ("--accept-licence",), ("--dtype", "f16", self.out)):
            self.assertIn("usage", self.error_of(self.fetch(*arguments)))
        self.assertIn("usage", self.fetch("--help").stdout)

    def test_file_not_there(self):
        del self.hub.files[HYSAC, "hysac_bounds.json"]
        error = self.error_of(self.fetch("--accept-licence", self.out))
        self.assertIn(f"error: {HYSAC}: hysac_bounds.json: 404", error)

    def test_no_network(self):
        error = self.error_of(self.fetch("--accept-licence", self.out,
                                         endpoint="http://127.0.0.1:9"))
        self.assertIn(f"error: {HYSAC}: ", error)

    def test_spoiled_on_the_way(self):
        self.hub.spoiled = "hysac_model.pth"
        error = self.error_of(self.fetch("--accept-licence", self.out))
        self.assertIn("SHA-256 differs", error)

    def test_bad_option_of_the_converter(self):
        result = self.fetch("--accept-licence", self.out, "--dtype", "f8")
        self.assertEqual(result.returncode, 2)
        self.assertFalse(self.out.exists())
