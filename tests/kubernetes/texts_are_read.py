#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The ways in which people and tools write the same Service and its slice, and those that are refused.
Prints TAP.

usage: texts_are_read.py FOREBAYCTL
"""

import json

from rules import NOBODY, REJECT, case, main, service, slice_of

VIP, AT = "172.30.0.1:80", "10.0.0.1:8080"
SERVED = {VIP: AT}

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: s, namespace: ns}
spec:
  clusterIP: 172.30.0.1
  ports:
  - port: 80
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: ns, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports:
- {name: '', port: 8080}
endpoints:
- addresses: [10.0.0.1]
"""
NEXT = "---\n"
BOTH = SERVICE + NEXT + SLICE
S, L = service(), slice_of("10.0.0.1")
J_S, J_L = json.dumps(S), json.dumps(L)
J_BOTH = json.dumps({"apiVersion": "v1", "kind": "List", "items": [S, L]})
BOM = b"\xef\xbb\xbf"


def text(sentence, manifest, flows=None, refused=None):
    manifest = manifest if isinstance(manifest, bytes) else manifest.encode()
    return case(sentence, manifest, flows or SERVED, refused)


def edited(sentence, old, new, of=BOTH, **more):
    assert old in of, sentence
    return text(sentence, of.replace(old, new), **more)


def without_kind(o):
    return {key: value for key, value in o.items() if key not in ("kind", "apiVersion")}


def typed_list(kind, api, *objects):
    items = [without_kind(o) for o in objects]
    return json.dumps({"apiVersion": api, "kind": kind, "metadata": {}, "items": items})


def a_list(*items):
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def with_metadata(**more):
    return json.dumps({**S, "metadata": {"name": "s", "namespace": "ns", **more}}) + J_L


DOCUMENTS = [
    text("YAML, documents one after the other", BOTH),
    text("lines that end as on Windows", BOTH.replace("\n", "\r\n")),
    text("a byte order mark", BOM + BOTH.encode()),
    text("documents that are empty or comments alone",
         "# c\n---\n# x\n---\n" + BOTH + "---\n# end\n---\n"),
    edited("a comment behind the three dashes", NEXT, "--- # next\n"),
    edited("a document that is ended", NEXT, "...\n---\n"),
    text("a version of YAML", "%YAML 1.2\n---\n" + BOTH),
    text("a list of nothing", "apiVersion: v1\nkind: List\nitems: []\n---\n" + BOTH),
    text("a list whose items are null", "apiVersion: v1\nkind: List\nitems:\n---\n" + BOTH),
    text("other kinds in between",
         SERVICE + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\n" + SLICE),
    text("a Service of another API group is none of ours",
         SERVICE + "---\napiVersion: serving.knative.dev/v1\nkind: Service\n"
         "metadata: {name: s, namespace: ns}\nspec: {template: {}}\n---\n" + SLICE),
]  # fmt: skip

KYAML = """\
---
{
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "s",
    namespace: "ns",
  },
  spec: {
    clusterIP: "172.30.0.1",
    ports: [{
      port: 80,
    }],
  },
}
---
"""
ALIAS = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: &same {name: s, namespace: ns}
  spec: {clusterIP: 172.30.0.1, ports: [{port: 80}]}
- apiVersion: v1
  kind: Endpoints
  metadata: *same
  subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 8080}]}]
"""
MERGE = """\
apiVersion: v1
kind: Service
metadata: {name: s, namespace: ns}
x: &x {clusterIP: 172.30.0.1}
spec:
  <<: *x
  ports: [{port: 80}]
---
"""
BLOCKS = """\
metadata:
  name: s
  namespace: ns
  annotations:
    a: |
      foo: bar
      ---
    b: >-
      x
      y
"""
YAML = [
    text("KYAML", KYAML + SLICE),
    edited("an anchor that nobody uses", "  - port: 80", "  - &p {port: 80}"),
    text("an anchor and its alias", ALIAS),
    text("keys that are merged in", MERGE + SLICE),
    edited("a tab behind a colon", "clusterIP: ", "clusterIP:\t"),
    edited("a tab behind a value", "port: 80\n", "port: 80\t\n"),
    edited("blocks of text, with dashes in them", "metadata: {name: s, namespace: ns}\n", BLOCKS),
    edited("quoted keys", "clusterIP:", '"clusterIP":'),
    edited("a key behind a question mark", "  clusterIP: 172", "  ? clusterIP\n  : 172"),
    edited("a value with its type", "clusterIP: ", "clusterIP: !!str "),
    edited("a namespace called y is text", "namespace: ns", "namespace: y"),
    edited("nulls of all kinds", "spec:\n",
           "spec:\n  selector: ~\n  externalIPs:\n  sessionAffinity: null\n"),
    edited("a port's name that is null", "name: ''", "name: null"),
    edited("a label that is null", "service-name: s}", "service-name: s, foo: null}"),
    edited("a number with a sign", "port: 80\n", "port: +80\n"),
    edited("a number in octal", "port: 80\n", "port: 0120\n"),
    edited("a number in octal, with its letter", "port: 80\n", "port: 0o120\n"),
    edited("a number that begins with 0 and is not in octal", "port: 80\n", "port: 080\n"),
    edited("a number in hexadecimal", "port: 8080}", "port: 0x1F90}"),
    edited("a number in binary", "port: 80\n", "port: 0b1010000\n"),
    edited("a number in groups", "port: 8080}", "port: 8_080}"),
    edited("a number with a fraction of zero", "port: 80\n", "port: 80.0\n"),
    edited("a number with an exponent", "port: 80\n", "port: 8e1\n"),
    edited("a number of a fraction and an exponent", "port: 80\n", "port: .8E+2\n"),
    edited("booleans in capitals", "[10.0.0.1]\n", "[10.0.0.1]\n  conditions: {ready: TRUE}\n"),
    edited("yes and no are booleans", "[10.0.0.1]\n",
           "[10.0.0.1]\n  conditions: {ready: yes, terminating: no}\n"),
    edited("on and off are booleans", "[10.0.0.1]\n",
           "[10.0.0.1]\n  conditions: {ready: On, serving: Yes, terminating: off}\n"),
    edited("no is no", "[10.0.0.1]\n", "[10.0.0.1]\n  conditions: {ready: no}\n", flows={VIP: REJECT}),
    text("letters of many bytes in a comment", "# café\n" + BOTH),
    edited("letters beyond the first plane, as they are and escaped", "namespace: ns}",
           'namespace: ns, annotations: {e: "\\U0001F600 😀"}}', of=SERVICE + NEXT + SLICE),
]  # fmt: skip

JSON = [
    text("JSON, objects one after the other", J_S + J_L),
    text("JSON, one object a line", f"{J_S}\n{J_L}\n"),
    text("JSON with spaces", json.dumps(S, indent=2) + "\n" + json.dumps(L, indent=2)),
    text("JSON with tabs", json.dumps(S, indent="\t") + "\n" + json.dumps(L, indent="\t")),
    text("JSON as documents", f"{J_S}\n---\n{J_L}"),
    text("JSON, then YAML", f"{J_S}\n---\n{SLICE}"),
    text("YAML, then JSON", SERVICE + NEXT + J_L),
    edited("JSON numbers with a fraction of zero, or an exponent", '"port": 80}', '"port": 8.0e1}',
           of=J_S + J_L),
    text("JSON behind a byte order mark", BOM + J_BOTH.encode()),
    text("lists in a list", json.dumps(a_list(a_list(S), a_list(L)))),
    text("lists of one kind, whose items do not say it",
         typed_list("ServiceList", "v1", S) + typed_list("EndpointSliceList", "discovery.k8s.io/v1", L)),
    edited("letters that are escaped", '"ns"', '"n\\u0073"', of=J_S + J_L),
    edited("slashes that are escaped", "kubernetes.io/service", "kubernetes.io\\/service", of=J_S + J_L),
    text("letters beyond the first plane, escaped in two halves", with_metadata(annotations={"e": "😀"})),
    text("what only the API server writes",
         with_metadata(managedFields=[{"fieldsV1": {"f:spec": {".": {}}}}], uid="x", resourceVersion="1",
                       generation=1, finalizers=["a/b"], ownerReferences=[], selfLink="")),
    text("metadata that are null", with_metadata(labels=None, annotations=None, creationTimestamp=None)),
    text("a status that is null", json.dumps({**S, "status": None}) + J_L),
    text("a status that says nothing", json.dumps({**S, "status": {"loadBalancer": {}}}) + J_L),
]  # fmt: skip

GONE = {VIP: NOBODY}
# The error says where: line and column of the value.
REFUSED = [
    edited("a port in quotes is no number", "port: 80\n", "port: '80'\n", flows=GONE,
           refused=':7:11: spec.ports[0].port: "80" is a string'),
    edited("a port with a fraction", "port: 80\n", "port: 80.5\n", flows=GONE,
           refused=':7:11: spec.ports[0].port: "80.5" is a number with a fraction'),
    edited("a port in hexadecimal that is none", "port: 80\n", "port: 0x50g\n", flows=GONE,
           refused=':7:11: spec.ports[0].port: "0x50g" is a string'),
    edited("a port in octal that is none", "port: 80\n", "port: 0300000\n", flows=GONE,
           refused=":7:11: spec.ports[0].port: 98304 is not a port"),
    edited("an annotation that is a number in octal", "namespace: ns}",
           "namespace: ns, annotations: {a: 0644}}", of=SERVICE + NEXT + SLICE, flows=GONE,
           refused=':3:53: metadata.annotations.a: "0644" is an integer; a string is wanted, so it wants quotes'),
    edited("a label that is yes", "namespace: ns}", "namespace: ns, labels: {a: yes}}",
           of=SERVICE + NEXT + SLICE, flows=GONE,
           refused=':3:48: metadata.labels.a: "yes" is a boolean; a string is wanted, so it wants quotes'),
    edited("a targetPort in quotes is a name, and no name is of digits alone", "port: 80\n",
           "port: 80\n    targetPort: '8080'\n", flows=GONE, refused=":8:17: spec.ports[0].targetPort"),
    edited("a protocol has capitals", "port: 80\n", "port: 80\n    protocol: tcp\n", flows=GONE,
           refused=":8:15: spec.ports[0].protocol"),
    edited("an annotation that is no text", "namespace: ns}", "namespace: ns, annotations: {a: 1}}",
           of=SERVICE + NEXT + SLICE, flows=GONE, refused=":3:53: metadata.annotations"),
    edited("a key twice: whoever wrote it meant one of them, nobody knows which", "  ports:\n  - port: 80\n",
           "  ports:\n  - port: 80\n  clusterIP: 172.30.0.2\n",
           flows={VIP: NOBODY, "172.30.0.2:80": NOBODY}, refused=':8:3: key "clusterIP" is given twice'),
    edited("a key twice in JSON", '"clusterIP": "172.30.0.1"',
           '"clusterIP": "172.30.0.2", "clusterIP": "172.30.0.1"', of=J_S + J_L, flows=GONE,
           refused='key "clusterIP" is given twice'),
    text("a key twice keeps no other object",
         BOTH + "---\napiVersion: v1\nkind: Service\nmetadata: {name: t, namespace: ns, name: u}\n"
         "spec: {clusterIP: 172.30.0.3, ports: [{port: 80}]}\n",
         {VIP: AT, "172.30.0.3:80": NOBODY}, ':20:36: key "name" is given twice'),
    text("an object twice: the first one counts",
         BOTH + NEXT + SERVICE.replace("80", "81"), {VIP: AT, "172.30.0.1:81": NOBODY},
         ":18:1: Service ns/s is already defined at"),
    text("JSON with something behind it: what stands before counts", J_BOTH + " xyz", refused="expected"),
    text("a comment that is not UTF-8", b"# caf\xe9\n" + BOTH.encode(), GONE, ":1:6: byte 0xe9"),
    text("text in units of 16 bits", ("\ufeff" + BOTH).encode("utf-16-le"), GONE, ":1:1: byte 0xff"),
    text("the character NUL", with_metadata(annotations={"e": "a\x00b"}), GONE, "NUL"),
]  # fmt: skip

if __name__ == "__main__":
    main(DOCUMENTS + YAML + JSON + REFUSED)
