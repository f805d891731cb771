"""Run commands of `pocketlm` in one process, each a JSON list of arguments; 0 if all did."""

import json
import sys

from pocketlm.__main__ import main

if __name__ == "__main__":
    for arguments in map(json.loads, sys.argv[1:]):
        sys.argv = ["pocketlm", *arguments]
        if code := main():
            sys.exit(code)
