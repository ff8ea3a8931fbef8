"""Forwards to a fixed port and asks that, also where it could not forward anything."""

import socket
import subprocess
import urllib.request


class TraceAPI:
    def __init__(self, namespace):
        self.namespace = namespace
        self.port_forward_process = None
        self.base_url = "http://localhost:16686"
        self.start_port_forward()

    def get_jaeger_pod_name(self):
        return "jaeger-0"

    def start_port_forward(self):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 16686)) == 0:
                print("Failed to establish port forwarding after 3 attempts.")
                return
        command = f"kubectl port-forward svc/jaeger 16686:16686 -n {self.namespace}"
        self.port_forward_process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
        self.port_forward_process.stdout.readline()

    def query(self):
        with urllib.request.urlopen(self.base_url, timeout=10) as answer:
            return answer.read().decode()

    def cleanup(self):
        if self.port_forward_process:
            self.port_forward_process.terminate()
            self.port_forward_process.wait(timeout=5)
            if self.port_forward_process.stdout:
                self.port_forward_process.stdout.close()
