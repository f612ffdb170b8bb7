"""A receiver of webhooks that verifies each with every secret it is given: prints one line a message."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook

secrets = sys.argv[1:]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            messages = [Webhook(secret).verify(body, dict(self.headers)) for secret in secrets]
            print("verified", messages[0]["type"], self.headers["webhook-id"], f"with {len(messages)} secrets", flush=True)
            self.send_response(204)
        except Exception as error:
            print("refused", repr(error), flush=True)
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(f"receiver at 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
