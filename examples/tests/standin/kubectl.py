"""What is asked of kubectl, answered by a cluster that is as its kubeconfig says."""

import http.server
import os
import sys
from pathlib import Path

words = sys.argv[1:]
kubeconfigs = [Path(each).read_text() for each in os.environ["KUBECONFIG"].split(os.pathsep)]

if words[:2] == ["config", "view"]:
    print("\n".join(kubeconfigs))
elif words[:2] == ["delete", "secret"]:
    namespace, name = words[words.index("--namespace") + 1], words[-1].rpartition("name=")[2]
    (Path(os.environ["STANDIN_RELEASES"]) / f"{namespace}.{name}").unlink()
elif words[0] == "port-forward":

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(kubeconfigs[0].encode())

        def log_message(self, *_):
            pass

    local, remote = next(word for word in words if word[:1] in ":0123456789" and ":" in word).split(":")
    try:
        server = http.server.HTTPServer(("127.0.0.1", int(local or 0)), Handler)
    except OSError as error:
        sys.exit(f"Unable to listen on port {local}: {error}")
    print(f"Forwarding from 127.0.0.1:{server.server_port} -> {remote}", flush=True)
    server.serve_forever()
