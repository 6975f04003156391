# SPDX-License-Identifier: BSD-3-Clause
"""Flows asked of `forebayctl explain --offline`, which goes the packet path's way without a daemon:
manifest, store, desired state, table, decision."""

import ipaddress
import json
import subprocess


def box(addresses, **services):
    """The config of a box with these addresses on its one port, and a next hop for everything."""
    addresses = [ipaddress.ip_address(a) for a in addresses]
    return {
        "ports": [
            {
                "name": "lan",
                "device": "net_null0",
                "addresses": [f"{a}/{24 if a.version == 4 else 64}" for a in addresses],
            }
        ],
        "lab": {
            "neighbours": [
                {"address": via, "mac": "02:00:00:00:00:01", "port": "lan"}
                for via in ("192.168.0.254", "2001:db8::fe")
            ],
            "routes": [
                {"prefix": "0.0.0.0/0", "via": "192.168.0.254", "port": "lan"},
                {"prefix": "::/0", "via": "2001:db8::fe", "port": "lan"},
            ],
        },
        "services": {key.replace("_", "-"): value for key, value in services.items()},
    }


def as_list(objects):
    """The manifest's text."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()


def explain(forebayctl, folder, config, manifest, queries):
    """@return (answers by query, what was said about the manifest)"""
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "objects.yaml").write_bytes(manifest)
    run = subprocess.run(
        [forebayctl, "explain", "--offline", "--config", folder / "config.yaml"]
        + ["-f", folder / "objects.yaml", "-o", "json"],
        input="\n".join(queries) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(queries):
        raise RuntimeError(f"{len(answers)} answers to {len(queries)} queries: {run.stderr}")
    return dict(zip(queries, answers)), run.stderr


def canonical(text):
    """An endpoint in one spelling."""
    address, port = text.rsplit(":", 1)
    return str(ipaddress.ip_address(address.strip("[]"))), int(port)
