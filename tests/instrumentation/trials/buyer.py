"""A script that buys: it asks the address that it is given."""

import sys

import requests

for item in ("apple", "pear"):
    requests.request(sys.argv[1], f"{sys.argv[2]}/orders/{item}", timeout=60).raise_for_status()
