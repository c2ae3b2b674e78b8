# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/demo.sh says how far the build is, and keeps all of it in the log."""
from __future__ import annotations

import os
import pty
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

DEMO = (Path(__file__).resolve().parents[2] / "examples" / "demo.sh").read_text(encoding="utf-8")
FUNCTION = re.search(r"^progress\(\) \{\n.*?^\}\n", DEMO, re.M | re.S).group(0)
LINES = [f"[{n}/40] Compiling C object file_{n}.c.o" for n in range(1, 41)]


class Progress(unittest.TestCase):
    def shown(self, lines: list[str], terminal: bool) -> tuple[str, str]:
        """What is printed, and the log."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            master, slave = pty.openpty()
            with tempfile.TemporaryFile() as plain:
                subprocess.run(["bash", "-euo", "pipefail", "-c", FUNCTION + 'progress "$0"', str(log)],
                               input="\n".join(lines + [""]).encode(), stdout=slave if terminal else plain, check=True,
                               timeout=60)
                os.close(slave)
                plain.seek(0)
                printed = plain.read()
            while terminal:
                try:
                    part = os.read(master, 65536)
                except OSError:
                    break
                if not part:
                    break
                printed += part
            os.close(master)
            return printed.decode(), log.read_text(encoding="utf-8")

    def test_a_terminal_sees_every_step_in_one_line(self) -> None:
        printed, log = self.shown(LINES, True)
        for line in LINES:
            self.assertIn(f"\r\x1b[K{line}", printed)
        self.assertEqual(printed.count("\n"), 1)
        self.assertEqual(log.splitlines(), LINES)

    def test_elsewhere_a_few_lines_tell(self) -> None:
        printed, log = self.shown(LINES, False)
        self.assertEqual(printed.splitlines(), [f"{n} of 40 steps" for n in (1, 10, 20, 30, 40)])
        self.assertEqual(log.splitlines(), LINES)

    def test_errors_are_in_the_log_alone(self) -> None:
        printed, log = self.shown(["file.c:1: error: no", "ninja: build stopped"], False)
        self.assertEqual(printed, "")
        self.assertIn("error: no", log)

    def test_only_what_the_demo_needs_is_built(self) -> None:
        targets = re.findall(r"^ninja -C build ([^|>]*?) 2>&1", DEMO, re.M)
        self.assertEqual([sorted(t.split()) for t in targets], [["gst/libgsthysac.so", "tools/hysac", "tools/hysac.1"]])


if __name__ == "__main__":
    unittest.main()
