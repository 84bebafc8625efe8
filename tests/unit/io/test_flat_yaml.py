"""The small YAML reader agrees with a full one on what data files of YOLO hold."""

import pytest
import yaml

from hint_toolkit.io.flat_yaml import read_flat_yaml

FILES = [
    "train: ../train/images\nval: a b/c\nnc: 2\nnames: ['left', \"right\"]\n",
    "# head\n---\npath: ./x # here\nval:\n  - one\n  - two\nnames:\n  0: left hand\n  1: 'it: is'\nkpt: [21, 3]\n",
    "names:\n- a\n- b\nflip_idx: [0, 1,\n  2, # three\n  3]\nlast: 'a # b'\nurl: x#y\nempty:\n",
    "names: {0: left hand, 1: 'b'}\nnc: 2\n",
    "\ufeffval: 'quoted'\nfolder: 007x\n'key': -3\n",
]


@pytest.mark.parametrize("text", FILES)
def test_the_same_as_yaml(text):
    assert read_flat_yaml(text) == yaml.safe_load(text)


def test_what_is_not_needed_is_passed_over():
    text = "download: |\n  import os\n  x = 1\nroboflow:\n  workspace: w\n  deep:\n    deeper: 1\nval: v\n"
    found = read_flat_yaml(text)
    assert found["val"] == "v"
    assert found["roboflow"]["workspace"] == "w"


@pytest.mark.parametrize("text", ["- a\n", "no colon\n", "a: 1\n{b: 2}\n"])
def test_a_line_that_is_no_key_is_named(text):
    with pytest.raises(ValueError, match=rf"line {text.count(chr(10))} is no"):
        read_flat_yaml(text)
