# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hysac says of itself: help, man page, completion and exit codes agree with each other."""
from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = os.environ.get("HYSAC_TOOL", str(ROOT / "build" / "tools" / "hysac"))
PAGE = Path(os.environ.get("HYSAC_MANPAGE", ROOT / "build" / "tools" / "hysac.1"))
COMPLETION = ROOT / "tools" / "hysac.bash-completion"


def run(*arguments: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=60, **more)


def commands() -> list[str]:
    block = re.search(r"^Commands:\n((?:  .*\n)+)", run("help").stdout, re.M).group(1)
    return [line.split()[0] for line in block.splitlines() if line.split()[0] != "help"]


def options(command: str) -> list[tuple[str, ...]]:
    """(short, long) or (long,) of each option."""
    found = re.findall(r"^  (?:(-\w), )?(--[\w-]+)", run("help", command).stdout, re.M)
    return [tuple(part for part in option if part) for option in found]


class Help(unittest.TestCase):
    def test_there_are_the_commands_that_are_documented(self):
        self.assertLessEqual({"scan", "classify", "embed", "tokenize", "devices", "bench", "fit", "verify"},
                             set(commands()))

    def test_every_command_has_help_with_examples(self):
        for command in commands():
            with self.subTest(command):
                result = run("help", command)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertEqual(run(command, "--help").stdout, result.stdout)
                self.assertEqual(run(command, "-h").stdout, result.stdout)
                self.assertIn(f"hysac {command}", result.stdout.splitlines()[1])
                self.assertRegex(result.stdout, rf"Examples?:\n  hysac {command}\b")

    def test_no_line_is_wider_than_a_hundred_columns(self):
        for command in ["", *commands()]:
            for line in run("help", *[command][:command != ""]).stdout.splitlines():
                self.assertLessEqual(len(line), 100, f"{command}: {line}")

    def test_an_option_that_is_long_goes_on_below_its_description(self):
        text = run("help", "fit").stdout
        first, second = re.search(r"^(  --join-buffers=.*)\n(.*)$", text, re.M).groups()
        column = re.match(r"  --\S+ +", first).end()
        self.assertRegex(second, rf"^ {{{column}}}\S")
        self.assertIn("hysactext's property (3); 1: none", " ".join((first + second).split()))

    def test_scan_and_fit_judge_by_the_same_options(self):
        lines = [set(re.findall(r"^  (?:-\w, )?--.*(?:\n {20,}.*)*$", run("help", command).stdout, re.M))
                 for command in ("scan", "fit")]
        names = ("--sample-interval", "--policy", "--confirm-k", "--confirm-n", "--enter-margin", "--leave-margin",
                 "--min-duration")
        shared = [" ".join(line.split()) for line in lines[0]]
        other = [" ".join(line.split()) for line in lines[1]]
        for name in names:
            self.assertEqual([x for x in shared if name + "=" in x], [x for x in other if name + "=" in x])
            self.assertEqual(len([x for x in shared if name + "=" in x]), 1, name)

    def test_examples_use_options_that_exist(self):
        everything = run("help").stdout + "".join(run("help", command).stdout for command in commands())
        seen = 0
        for line in re.findall(r"^  (hysac [a-z]+ .*)$", everything, re.M):
            words = shlex.split(line.split("  #")[0], comments=True)
            if words[1] not in commands():
                continue
            known = {name for option in options(words[1]) for name in option}
            for word in words[2:]:
                if re.match(r"--?[a-z]", word):
                    self.assertIn(word.split("=")[0], known, line)
                    seen += 1
        self.assertGreater(seen, 20)

    def test_exit_codes(self):
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("nonsense").returncode, 2)
        self.assertEqual(run("help", "nonsense").returncode, 2)
        self.assertEqual(run("--version").returncode, 0)
        self.assertEqual(run("--help").stdout, run("help").stdout)
        for command in commands():
            result = run(command, "--no-such-option")
            self.assertEqual((result.returncode, result.stdout), (2, ""), command)
            self.assertRegex(result.stderr, r"^hysac: .*no-such-option.*\n$")
            with open("/dev/full", "w") as full:
                told = subprocess.run([TOOL, "help", command], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(told.returncode, 1, command)
            self.assertRegex(told.stderr, r"^hysac: what was printed could not be written: No space left.*\n$")

    def test_json_is_taken_where_it_is_the_only_form(self):
        for words in (["tokenize", "--model", "demo", "a red ball"], ["embed", "--model", "demo", "--text", "a red ball"],
                      ["concepts", "--model", "demo"]):
            plain, json = run(*words), run(*words, "--json")
            self.assertEqual((json.returncode, plain.returncode), (0, 0), json.stderr)
            self.assertTrue(json.stdout.startswith("{"))
            self.assertEqual(json.stdout, plain.stdout)


class ManPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source = PAGE.read_text(encoding="utf-8")
        cls.text = cls.source.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")

    def part(self, command: str) -> str:
        return re.search(rf"^\.SS hysac {command}\n(.*?)(?=^\.S[SH] )", self.text, re.M | re.S).group(1)

    def test_every_command_and_option_is_in_it(self):
        for command in commands():
            with self.subTest(command):
                marked = re.findall(r"^\.TP\n\.B (-.*)$", self.part(command), re.M)
                self.assertEqual([tuple(re.findall(r"(?<!\S)--?[\w-]+", line)) for line in marked], options(command))
        self.assertEqual(re.findall(r"^\.SS hysac (\S+)$", self.text, re.M), commands())

    def test_exit_codes_are_in_it(self):
        status = re.search(r"^\.SH EXIT STATUS\n(.*?)^\.SH ", self.text, re.M | re.S).group(1)
        self.assertEqual(re.findall(r"^\.B (\d+)$", status, re.M), ["0", "1", "2", "3", "4", "130"])

    def test_it_can_be_set(self):
        if shutil.which("man") is None:
            self.skipTest("no man")
        result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(PAGE)],
                                capture_output=True, text=True, timeout=60,
                                env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "100"})
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertGreater(len(result.stdout), 5000)
        shown = subprocess.run(["man", "-l", str(PAGE)], capture_output=True, text=True, timeout=60,
                               env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MANPAGER": "cat",
                                    "MAN_KEEP_FORMATTING": ""}).stdout
        self.assertGreater(len(shown.splitlines()), 100)
        for line in shown.splitlines():
            self.assertLessEqual(len(re.sub(r".\x08|\x1b\[[0-9;]*m", "", line)), 100, line)


class Completion(unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        script = (f'. {shlex.quote(str(COMPLETION))}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hysac; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        # Names of files complete as well: there are none here.
        with tempfile.TemporaryDirectory() as empty:
            result = subprocess.run(["bash", "-c", script, "bash", TOOL, *words], capture_output=True, text=True,
                                    timeout=60, cwd=empty)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [line for line in result.stdout.split("\n") if line]

    def test_commands(self):
        self.assertEqual(sorted(self.complete("")), sorted([*commands(), "help", "--help", "--version"]))
        self.assertEqual(self.complete("class"), ["classify"])
        self.assertEqual(sorted(self.complete("help", "")), sorted([*commands(), "help"]))

    def test_options(self):
        for command in commands():
            expected = sorted({option[-1] for option in options(command)} | {"--help"})
            self.assertEqual(sorted(self.complete(command, "--")), expected, command)
        self.assertEqual(self.complete("scan", "--fail"), ["--fail-on-unsafe"])

    def test_values(self):
        self.assertEqual(self.complete("scan", "--precision", "b"), ["bf16"])
        self.assertEqual(self.complete("scan", "--thumbnails", ""), ["pixelated", "none", "clear"])
        self.assertEqual(self.complete("embed", "--model", "dem"), ["demo"])
        self.assertEqual(self.complete("verify", str(ROOT / "READ")), [str(ROOT / "README.md")])


if __name__ == "__main__":
    unittest.main()
