"""Print the lines of every ```sh block of a Markdown file: the commands that it promises work."""

import re
import sys
from pathlib import Path

print("".join(re.findall(r"^```sh\n(.*?)^```", Path(sys.argv[1]).read_text(), re.M | re.S)), end="")
