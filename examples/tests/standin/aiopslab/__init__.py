"""Stands in for AIOpsLab: the calls that examples/aiopslab.py makes, and no cluster.

It behaves as the package does at commit ddf7e40 in what the program has to cope with: what it reads at import, what it
prints, which files it writes where, which errors it swallows.
"""

import os
from pathlib import Path

# kubectl and helm, which AIOpsLab runs.
os.environ["PATH"] = f"{Path(__file__).parent.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
