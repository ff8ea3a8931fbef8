"""Stores circuits of other tools in `tools/`, each with what the tool computes for it."""

import json
import pathlib

TOOLS = pathlib.Path(__file__).with_name("tools")


def store(name: str, program: str, tool: str, **reference) -> None:
    """Writes `NAME.qasm` and `NAME.ref.json`. The reference is `exact` (probabilities), `counts` with `shots`, or `refused`
    (words of the message), and `parameters`, the values of inputs."""
    if "exact" in reference:
        reference["exact"] = {key: float(f"{p:.15g}") for key, p in sorted(reference["exact"].items()) if p > 1e-13}
    if "counts" in reference:
        reference["shots"] = sum(reference["counts"].values())
    (TOOLS / f"{name}.qasm").write_text(program.rstrip("\n") + "\n")
    text = json.dumps({"tool": tool} | reference, indent=1, sort_keys=True)
    (TOOLS / f"{name}.ref.json").write_text(text + "\n")
