"""Stands in for AIOpsLab: the calls that examples/aiopslab.py makes, and no cluster."""
