"""The parts of aiopslab.py."""
