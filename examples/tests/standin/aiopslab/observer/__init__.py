"""Loads ~/.kube/config when it is imported, whatever KUBECONFIG says."""

import os

with open(os.path.expanduser("~/.kube/config"), encoding="utf-8") as file:
    kubeconfig = file.read()
