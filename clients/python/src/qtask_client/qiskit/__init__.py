"""Qiskit's interfaces over qtask: provider, backend, jobs and primitives."""

from .backend import QtaskBackend
from .estimator import EstimatorV2
from .job import QtaskJob
from .provider import QtaskProvider
from .sampler import SamplerV2

__all__ = ["EstimatorV2", "QtaskBackend", "QtaskJob", "QtaskProvider", "SamplerV2"]
