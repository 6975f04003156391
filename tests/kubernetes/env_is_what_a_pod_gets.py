#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The three formats of `forebayctl env` give a process the same variables: prints TAP.

usage: env_is_what_a_pod_gets.py FOREBAYCTL

What the variables are is tested in tests/unit/desired/test_env.c; here a shell and docker's way of
splitting words read them.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from points import Points

PORTS = [
    {"name": "http", "port": 80},
    {"name": "dns", "port": 53, "protocol": "UDP"},
]
SERVICES = [
    ("shop", "cart", {"clusterIP": "10.0.0.1", "ports": PORTS}),
    ("shop", "six", {"clusterIP": "2001:DB8::1", "ports": [{"port": 8080}]}),
    ("shop", "1st", {"clusterIP": "10.0.0.3", "ports": [{"port": 81}]}),
    ("shop", "pods", {"clusterIP": "None", "ports": [{"port": 82}]}),
    ("other", "web", {"clusterIP": "10.0.0.4", "ports": [{"port": 83}]}),
    ("default", "kubernetes", {"clusterIP": "10.0.0.5", "ports": [{"name": "https", "port": 443}]}),
]


def main():
    ctl = sys.argv[1]
    point = Points()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        objects = Path(folder) / "objects.json"
        config.write_text("ports: [{name: lan, device: net_null0, addresses: [192.0.2.1/24]}]\n")
        objects.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "ServiceList",
                    "items": [
                        {"metadata": {"namespace": ns, "name": name}, "spec": spec}
                        for ns, name, spec in SERVICES
                    ],
                }
            )
        )

        def env(*args):
            return subprocess.run(
                [ctl, "env", *args, "--offline", "--config", config, "-f", objects],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )

        plain = env("shop")
        lines = plain.stdout.splitlines()
        want = dict(line.split("=", 1) for line in lines)
        hosts = sorted(k for k in want if k.endswith("_SERVICE_HOST"))
        point(
            "the Services of the namespace with a ClusterIP, and kubernetes",
            hosts,
            [f"{s}_SERVICE_HOST" for s in ("1ST", "CART", "KUBERNETES", "SIX")],
        )
        point("IPv6 has brackets in URLs", want["SIX_PORT"], "tcp://[2001:DB8::1]:8080")
        point("a name that no shell can set is told", "shop/1st" in plain.stderr, True)
        words = shlex.split(env("shop", "--format", "docker").stdout)
        point("docker: arguments", words, [f"--env={line}" for line in lines])
        script = env("shop", "--format", "export").stdout
        for shell in ("sh", "bash"):
            run = subprocess.run(
                [shell, "-euc", f"{script}\nenv -0"],
                env={"PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=True,
            )
            got = dict(v.split("=", 1) for v in run.stdout.split("\0") if "=" in v)
            settable = {k: v for k, v in want.items() if not k[0].isdigit()}
            point(f"export: what {shell} then has", {k: got.get(k) for k in settable}, settable)
        alone = [line for line in lines if line.startswith("KUBERNETES_")]
        point(
            "a pod without service links has kubernetes alone",
            env("shop", "--no-service-links").stdout.splitlines(),
            alone,
        )
        point(
            "a namespace that nothing is known of has kubernetes alone",
            env("nowhere").stdout.splitlines(),
            alone,
        )
        values = json.loads(env("shop", "-o", "json").stdout)
        point("-o json says which Service", values[-1]["service"], "six")
    return point.end()


if __name__ == "__main__":
    sys.exit(main())
