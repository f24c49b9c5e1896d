"""`python -m benchmarks.nginx_front --port N --model FILE …`: a real nginx before llama-server.

AWS's image for SageMaker opens llama-server with the nginx of Amazon Linux 2023: its defaults, with
the paths, HTTP version and times of `llama_cpp_sagemaker.conf.template` of
aws/deep-learning-containers. The program `nginx` has to be on this machine. It ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from serving.llama_cpp.process import LlamaServer, ServerFailed

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
_CONFIGURATION = """\
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_timeout 65;
  proxy_read_timeout 3600s;
  proxy_send_timeout 3600s;
  proxy_set_header Authorization "{authorization}";
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location = /ping {{ proxy_pass {upstream}/health; }}
    location = /invocations {{
      proxy_pass {upstream}/v1/chat/completions;
      proxy_http_version 1.1;
      proxy_buffering off;
    }}
  }}
}}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nginx_front", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    asked, arguments = parser.parse_known_args()
    if NGINX is None:
        raise SystemExit("nginx is not on this machine; install it, or leave this server out")
    try:
        with tempfile.TemporaryDirectory() as folder, LlamaServer(asked.model, arguments) as server:
            configuration = Path(folder, "nginx.conf")
            configuration.write_text(
                _CONFIGURATION.format(
                    folder=folder,
                    port=asked.port,
                    upstream=server.url,
                    authorization=server.headers["Authorization"],
                )
            )
            nginx = subprocess.Popen([NGINX, "-p", folder, "-e", "stderr", "-c", configuration])
            signal.signal(signal.SIGTERM, lambda *_: nginx.terminate())
            return nginx.wait()
    except ServerFailed as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
