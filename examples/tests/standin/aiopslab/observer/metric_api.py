"""Forwards a port that is free, and is told to ask another one."""

import socket
import subprocess
import urllib.request


class PrometheusConnect:
    def __init__(self, url, disable_ssl=False):
        self.url = url

    def query(self):
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            return answer.read().decode()


class PrometheusAPI:
    def __init__(self, url, namespace):
        self.namespace = namespace
        self.port = self.find_free_port()
        self.start_port_forward()
        self.client = PrometheusConnect(url, disable_ssl=True)

    def find_free_port(self, start=32000, end=32100):
        for port in range(start, end):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return port
        raise RuntimeError("No free ports available in the range.")

    def start_port_forward(self):
        command = f"kubectl port-forward svc/prometheus-server {self.port}:80 -n observe"
        self.port_forward_process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
        self.port_forward_process.stdout.readline()

    def cleanup(self):
        self.port_forward_process.terminate()
        self.port_forward_process.wait(timeout=5)
        if self.port_forward_process.stdout:
            self.port_forward_process.stdout.close()
