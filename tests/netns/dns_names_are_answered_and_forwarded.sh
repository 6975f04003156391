#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# forebay as the cluster's DNS, asked by other people's resolvers: dig, kdig, drill, dnsperf, glibc's and Go's
# search lists. dnsmasq on a backend is the resolver for all other names; the first one configured is dead.
#
# shellcheck disable=SC2086 # the domain is one word

source "$(dirname "$0")/cases.sh"

DNS4=10.96.0.53 DNS6=fd00:96::53
D=svc.cluster.local

lab_up 3
capture client eth0
lab_http
export LAB_EXTRA="dns: {enabled: true, resolvers: [10.1.0.12, 10.1.0.11]}"
lab_config

# The DNS Service, a headless one with host names, one of 300 endpoints, ExternalNames.
names() {
	local n
	cat <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: kube-dns, namespace: kube-system}
		spec:
		  clusterIP: $DNS4
		  clusterIPs: [$DNS4, "$DNS6"]
		  ipFamilies: [IPv4, IPv6]
		  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]
		---
		apiVersion: v1
		kind: Service
		metadata: {name: db}
		spec: {clusterIP: None, ports: [{name: sql, port: 5432}]}
		---
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
		addressType: IPv4
		ports: [{name: sql, port: 5432}]
		endpoints:
		- {addresses: [10.1.0.21], hostname: db-0}
		- {addresses: [10.1.0.22], hostname: db-1}
		- {addresses: [10.1.0.23], hostname: db-2, conditions: {ready: false}}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: external, namespace: testns}
		spec: {type: ExternalName, externalName: ext.interwebs.test}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: inside, namespace: testns}
		spec: {type: ExternalName, externalName: web.default.$D}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: many}
		spec: {clusterIP: None, ports: [{name: web, port: 80}]}
		---
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: many-1, labels: {kubernetes.io/service-name: many}}
		addressType: IPv4
		ports: [{name: web, port: 80}]
		endpoints:
	END
	for n in $(seq 0 299); do
		echo "- {addresses: [10.9.$((n / 250)).$((n % 250 + 1))]}"
	done
}
names >"$LAB_DIR/manifests/names.yaml"
service web dnat 20 http:TCP:80:8080 -- 1 2 3
lab_forebay

long=$(printf '%0200d' 7)
lab_bg b1 upstream dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
	--pid-file= --log-facility=- --bind-interfaces --local=/test/ \
	--host-record=ext.interwebs.test,1.2.3.4 --host-record=www.up.test,198.51.100.7,2001:db8:9::7 \
	--txt-record="long.test$(for _ in {1..10}; do printf ',%s' "$long"; done)"
upstream=$LAB_BG_PID
lab_listening b1 53

# ask SERVER ARGUMENTS...: dig, one try. says TEXT: it is in what was said last, white space squeezed.
ask() {
	local server=$1
	shift
	lab_in client dig +tries=1 +time=8 "@$server" "$@" | tee "$LAB_DIR/said"
}
says() {
	tr -s ' \t' ' ' <"$LAB_DIR/said" | grep -E "$1" >"$LAB_DIR/found" || {
		echo "nothing like: $1"
		return 1
	}
}
# It is as it should be that this fails.
fails() {
	if "$@"; then
		return 1
	fi
}
answers() {
	lab_ctl get workers -o json |
		python3 -c 'import json, sys; print(sum(w["answers"] for w in json.load(sys.stdin)["items"]))'
}

# service_names SERVER OPTIONS...: what the specification says of them.
service_names() {
	ask "$@" web.default.$D A
	says "^web\.default\.$D\. 5 IN A 10\.96\.0\.20$"
	says 'flags: qr aa rd ra;'
	ask "$@" web.default.$D AAAA
	says 'AAAA fd00:96::20$'
	ask "$@" _http._tcp.web.default.$D SRV
	says "SRV 0 50 80 web\.default\.$D\.$"
	ask "$@" db.default.$D A
	says 'ANSWER: 2,'
	ask "$@" db-1.db.default.$D A
	says 'A 10\.1\.0\.22$'
	ask "$@" db-2.db.default.$D A
	says 'status: NXDOMAIN'
	ask "$@" none.default.$D A
	says 'status: NXDOMAIN'
	says "^cluster\.local\. 5 IN SOA ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. [0-9]* 7200 1800 86400 5$"
	ask "$@" db.default.$D AAAA
	says 'status: NOERROR'
	says 'ANSWER: 0, AUTHORITY: 1'
	ask "$@" -x 10.96.0.20
	says "PTR web\.default\.$D\.$"
	ask "$@" -x fd00:96::20
	says "PTR web\.default\.$D\.$"
	ask "$@" -x 10.1.0.21
	says "PTR db-0\.db\.default\.$D\.$"
	ask "$@" dns-version.cluster.local TXT
	says 'TXT "1\.1\.0"$'
	ask "$@" inside.testns.$D A
	says 'A 10\.96\.0\.20$'
}

# All of that over UDP is the workers' work: nothing of it goes through the kernel.
workers_answer() {
	local before
	before=$(answers)
	service_names "$1" +notcp
	[ "$(answers)" -ge $((before + 13)) ]
}

falls_back() {
	ask "$1" +noedns many.default.$D A
	says 'Truncated, retrying in TCP mode'
	says 'ANSWER: 300,'
	ask "$1" +noedns +ignore many.default.$D A
	says 'flags: qr aa tc'
}

kdig_and_drill() {
	lab_in client kdig +timeout=5 +retry=0 "@$1" web.default.$D A | tee "$LAB_DIR/said"
	says 'A 10\.96\.0\.20$'
	lab_in client kdig +timeout=5 +retry=0 +tcp "@$1" _http._tcp.web.default.$D SRV | tee "$LAB_DIR/said"
	says "SRV 0 50 80 web\.default\.$D\.$"
	lab_in client kdig +timeout=5 +retry=0 +tcp +keepopen "@$1" db.default.$D A many.default.$D A | tee "$LAB_DIR/said"
	says 'ANSWER: 300;'
	lab_in client drill "@$1" web.default.$D AAAA | tee "$LAB_DIR/said"
	says 'AAAA fd00:96::20$'
	lab_in client drill -t "@$1" many.default.$D A | tee "$LAB_DIR/said"
	says 'ANSWER: 300'
	lab_in client drill -x "@$1" 10.1.0.22 | tee "$LAB_DIR/said"
	says "PTR db-1\.db\.default\.$D\.$"
}

# perf SERVER MODE: what clients ask with ndots:5, at a rate that this machine carries; none is lost.
perf() {
	printf '%s A\n' web.default.$D www.up.test.default.$D www.up.test.$D www.up.test.cluster.local \
		db.default.$D >"$LAB_DIR/queries"
	lab_in client dnsperf -s "$1" -m "$2" -p 53 -d "$LAB_DIR/queries" -n 1000 -Q 2500 -c 8 -t 5 |
		tee "$LAB_DIR/said"
	says 'Queries completed: 5000 \(100\.00%\)'
	says 'NOERROR 2000 \(40\.00%\), NXDOMAIN 3000 \(60\.00%\)'
}

# resolve COMMAND...: with the resolv.conf that a pod of the namespace default has.
resolve() {
	printf 'nameserver %s\nsearch default.%s %s cluster.local\noptions ndots:5\n' "$SERVER" "$D" "$D" \
		>"$LAB_DIR/resolv.conf"
	# shellcheck disable=SC2016 # for the inner shell
	lab_in client unshare --mount bash -c \
		'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"' - "$LAB_DIR/resolv.conf" "$@" |
		tee "$LAB_DIR/said"
}
glibc() {
	local SERVER=$1
	resolve getent ahostsv4 web
	says '^10\.96\.0\.20 '
	resolve getent ahostsv6 web.default
	says '^fd00:96::20 '
	resolve getent ahostsv4 db-1.db.default.svc
	says '^10\.1\.0\.22 '
	resolve getent ahostsv4 external.testns
	says '^1\.2\.3\.4 '
	resolve getent ahosts www.up.test
	says '^198\.51\.100\.7 '
	says '^2001:db8:9::7 '
	resolve curl -sS --max-time 10 http://web/
	says '^backend-[123]$'
	fails resolve getent ahostsv4 nobody.default
}
# Prometheus' tool is a Go program; a server that is none says something else to it.
go_resolver() {
	local SERVER=$1
	resolve env GODEBUG=netdns=go promtool query instant http://web.default:80 up 2>"$LAB_DIR/said" || true
	cat "$LAB_DIR/said"
	fails says 'no such host|timeout|server misbehaving'
	says 'backend-[123]'
}

forwarded() {
	ask "$@" www.up.test A
	says 'status: NOERROR'
	says 'A 198\.51\.100\.7$'
	ask "$@" nobody.up.test A
	says 'status: NXDOMAIN'
	ask "$@" external.testns.$D A
	says "^external\.testns\.$D\. 5 IN CNAME ext\.interwebs\.test\.$"
	says '^ext\.interwebs\.test\..*A 1\.2\.3\.4$'
	ask "$@" external.testns.$D CNAME
	says 'CNAME ext\.interwebs\.test\.$'
}
long_forwarded() {
	ask "$1" +noedns long.test TXT
	says 'Truncated, retrying in TCP mode'
	says 'ANSWER: 1,'
}
# Many at a time, each with its own answer.
many_forwarded() {
	for n in {1..200}; do
		echo "n$n.up.test A"
	done >"$LAB_DIR/queries"
	lab_in client dnsperf -s "$1" -d "$LAB_DIR/queries" -n 5 -q 50 -t 8 | tee "$LAB_DIR/said"
	says 'Queries completed: 1000 \(100\.00%\)'
	says 'NXDOMAIN 1000'
}

explained() {
	lab_ctl explain udp 203.0.113.2:4000 $DNS4:53 | tee "$LAB_DIR/said"
	says '^verdict answer$'
	says '^dns '
	lab_ctl explain tcp 203.0.113.2:4000 $DNS4:53 | tee "$LAB_DIR/said"
	says '^verdict punt$'
}

# A client that connects and says nothing, or half a query, keeps nobody else from being answered.
silent_clients() {
	lab_in client python3 - "$1" <<-'END'
		import socket, sys
		idle = [socket.create_connection((sys.argv[1], 53), 5) for _ in range(200)]
		idle[-1].sendall(b"\0\x40\x12\x34")
		# One query in pieces, then two at once.
		q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\7default\3svc\7cluster\5local\0\0\1\0\1"
		s = socket.create_connection((sys.argv[1], 53), 5)
		whole = len(q).to_bytes(2, "big") + q
		def answer():
		    data = b""
		    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
		        data += s.recv(2 if len(data) < 2 else 2 + int.from_bytes(data[:2], "big") - len(data))
		    assert data[2:4] == b"\x12\x34" and data[-4:] == bytes([10, 96, 0, 20]), data
		for piece in (whole[:1], whole[1:20], whole[20:]):
		    s.sendall(piece)
		answer()
		s.sendall(whole * 2)
		answer()
		answer()
	END
}

# The address may change while it runs: the old one is given up, the new one is listened on.
moves() {
	sed -i "s/10\.96\.0\.53/10.96.0.54/" "$LAB_DIR/manifests/names.yaml"
	lab_wait 10 answers_at 10.96.0.54
	ask 10.96.0.54 +tcp web.default.$D A
	says 'A 10\.96\.0\.20$'
	fails lab_in client dig +tries=1 +time=1 @10.96.0.53 web.default.$D A
	[ -z "$(lab_in box ip -o addr show to 10.96.0.53)" ]
}
answers_at() {
	lab_in client dig +tries=1 +time=1 "@$1" +tcp web.default.$D A | grep -q 10.96.0.20
}

no_resolver_left() {
	kill "$upstream"
	ask "$1" +time=12 www.up.test A
	says 'status: SERVFAIL'
	ask "$1" web.default.$D A
	says 'status: NOERROR'
}

for server in $DNS4 $DNS6; do
	check "dig over UDP to $server: every kind of name, by the workers" workers_answer "$server"
	check "dig over TCP to $server: the same" service_names "$server" +tcp
	check "$server: 300 addresses are truncated over UDP and whole over TCP" falls_back "$server"
	check "kdig and drill to $server" kdig_and_drill "$server"
	check "dnsperf over UDP to $server loses nothing" perf "$server" udp
	check "dnsperf over TCP to $server loses nothing" perf "$server" tcp
	check "glibc's search list with ndots:5, over $server" glibc "$server"
	check "Go's search list with ndots:5, over $server" go_resolver "$server"
	check "names of others are asked for, past a dead resolver: UDP to $server" forwarded "$server"
	check "the same over TCP" forwarded "$server" +tcp
	check "$server: a resolver's long answer is truncated and whole over TCP" long_forwarded "$server"
	check "$server: 50 forwarded queries at a time, each with its own answer" many_forwarded "$server"
	check "$server: silent clients do not matter, nor does how a query is cut" silent_clients "$server"
done
check "explain says who answers" explained
check "the DNS Service's address may change" moves
check "without a resolver that answers it is a failure, and own names go on" no_resolver_left 10.96.0.54
done_testing
