#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two boxes with one key between the same clients and backends. One is killed while downloads run, the routes
# move to the other, and the downloads end whole, since their flows were told to the other box. DOWNLOADS (24) of
# each family and mode. Then the first box comes back with nothing in its memory, is told of what lives on, and the
# second is killed. At last a second box knows nothing of the first: then connections of `dnat` go on as soon as either
# side speaks, and where the client only listens that is the endpoint.

source "$(dirname "$0")/cases.sh"

DOWNLOADS=${DOWNLOADS:-24}
SNAT4=10.7.0.1 SNAT6=fd00:7::1
LASTING=3 # connections of each family and mode, and through a SYN proxy, that outlive both; their clients only listen
LISTENING=8 # connections of each family
FILE_BYTES=${FILE_BYTES:-300000} RATE=${RATE:-40k}

lab_up 2

# The clients' link has room for two boxes, and a link of their own leads from one to the other.
two_boxes() {
	lab_namespace lan
	ip -n "$LAB_ID-lan" link add br0 type bridge mcast_snooping 0
	ip -n "$LAB_ID-lan" link set br0 up
	ip -n "$LAB_ID-client" link del eth0
	lab_link lan client client eth0
	lab_link lan box box lan0
	lab_namespace box2
	lab_link lan box2 box2 lan0
	lab_link net box2 box2 svc0
	ip -n "$LAB_ID-net" link set box2 master br0
	for role in client box box2; do
		ip -n "$LAB_ID-lan" link set "$role" master br0
	done
	for iface in lan0 svc0; do
		lab_device box "$iface"
		lab_device box2 "$iface"
	done
	lab_plain client eth0
	ip -n "$LAB_ID-client" addr add 203.0.113.2/24 dev eth0
	ip -n "$LAB_ID-client" addr add 2001:db8:c::2/64 dev eth0 nodad
	# Little is on its way at a time, so that a download needs the box to its end.
	lab_in client sysctl -q -w net.ipv4.tcp_rmem="4096 16384 16384"
	lab_link box sync0 box2 sync0
	ip -n "$LAB_ID-box" addr add 10.9.0.1/30 dev sync0
	ip -n "$LAB_ID-box2" addr add 10.9.0.2/30 dev sync0
}

# Whose way it is: routes_by 1|2, the last byte of that box's addresses.
routes_by() {
	local prefix n
	for prefix in 192.0.2.0/24 10.96.0.0/16; do
		ip -n "$LAB_ID-client" route replace "$prefix" via "203.0.113.$1"
	done
	for prefix in 2001:db8:f::/64 fd00:96::/64; do
		ip -n "$LAB_ID-client" -6 route replace "$prefix" via "2001:db8:c::$1"
	done
	for n in 1 2; do
		ip -n "$LAB_ID-b$n" route replace default via "10.1.0.$1"
		ip -n "$LAB_ID-b$n" -6 route replace default via "fd00:1::$1"
	done
}

# The first box is .1 and the second .3 on every link; the client is .2.
two_configs() {
	head -c 32 /dev/urandom >"$LAB_DIR/key"
	export LAB_EXTRA
	LAB_EXTRA="sync: {listen: '10.9.0.1:7401', peer: '10.9.0.2:7401', interface: sync0,
		  key-file: $LAB_DIR/key, age: 1s, interval: 1s, bandwidth: ${BANDWIDTH:-200000}}"
	lab_config
	sed -i "s/^  mode: dnat/&\n  snat-ports: 32768-49151\n  snat-addresses: [$SNAT4, '$SNAT6']/" "$LAB_CONFIG"
	sed -e 's/32768-49151/49152-65535/' -e 's/10\.9\.0\.1:/10.9.0.9:/; s/10\.9\.0\.2:/10.9.0.1:/; s/10\.9\.0\.9:/10.9.0.2:/' \
		-e 's/203\.0\.113\.1/203.0.113.3/; s/10\.1\.0\.1\//10.1.0.3\//; s/:c::1/:c::3/; s/:1::1\//:1::3\//' \
		-e 's/02:fb:00:00:00/02:fb:00:00:03/' -e "s,$LAB_DIR/state,&2,; s,$LAB_SOCKET,&2," \
		"$LAB_CONFIG" >"$LAB_CONFIG.2"
}

# What is asked and counted from here on is the second box's, or the first one's.
second_box() {
	LAB_SOCKET=$LAB_DIR/forebay.sock2
	LAB_FOREBAY_PID=$SECOND_PID
}

first_box() {
	LAB_SOCKET=$LAB_DIR/forebay.sock
}

peer_says() {
	lab_ctl get status -o json |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["sync"][sys.argv[1]])' "$1"
}

peer_is() {
	[ "$(peer_says up)" = "$1" ]
}

# download NAME ADDRESS: DOWNLOADS of them at once, each a connection; one line for each in NAME.done.
download() {
	local n
	for n in $(seq "$DOWNLOADS"); do
		printf 'url = "http://%s/files/slow?%d"\noutput = /dev/null\n' "$2" "$n"
	done >"$LAB_DIR/$1.urls"
	lab_bg client "$1" curl -gsS -Z --parallel-immediate --parallel-max 300 --limit-rate "$RATE" \
		--max-time 60 -w '%{size_download}\n' --config "$LAB_DIR/$1.urls"
	PIDS+=("$LAB_BG_PID")
}

downloads() {
	PIDS=()
	head -c "$FILE_BYTES" /dev/urandom >"$LAB_DIR/www/slow"
	download snat4 192.0.2.20
	download snat6 '[2001:db8:f::20]'
	download dnat4 192.0.2.30
	download dnat6 '[2001:db8:f::30]'
}

lasting() {
	local host n
	for host in 192.0.2.20 2001:db8:f::20 192.0.2.30 2001:db8:f::30 192.0.2.40 2001:db8:f::40; do
		for n in $(seq "$LASTING"); do
			lab_bg client "lasting-$host-$n" "$(dirname "$0")/steady.py" tcp "$host" 9000
			LASTING_PIDS+=("$LAB_BG_PID")
		done
	done
}

# they_end NAME NUMBER PID...: all at once, so that none waits for another to end; each of so many got what it was sent.
they_end() {
	local name=$1 number=$2 pid
	shift 2
	kill -TERM "$@"
	for pid in "$@"; do
		lab_wait 20 gone "$pid"
	done
	cat "$LAB_DIR/$name"-*.log
	[ "$(cat "$LAB_DIR/$name"-*.log | grep -c '"came": [1-9][0-9]*, "missing": 0')" -eq "$number" ]
}

# has_flows NUMBER [STATE]: so many flows of any Service the box has, in that state or in either.
has_flows() {
	[ "$(lab_ctl get flows -o json --limit 100000 | python3 -c '
import json, sys
flows = json.load(sys.stdin)["items"]
print(len({f["client"] for f in flows if f["state"] in sys.argv[1:]}))' "${2-established}" "${2-proxied}")" -ge "$1" ]
}

are_told() {
	has_flows "$ALL"
	(
		second_box
		peer_is True
		lab_wait 10 has_flows "$ALL"
		has_flows $((2 * LASTING)) proxied
		[ "$(peer_says refused)" -eq 0 ]
		[ "$(peer_says not_believed)" -eq 0 ]
	)
}

# Each of them is a connection that the second box has not seen the beginning of.
go_on() {
	local name pid
	for pid in "${PIDS[@]}"; do
		lab_wait 60 gone "$pid"
	done
	for name in snat4 snat6 dnat4 dnat6; do
		survived "$name"
	done >"$LAB_DIR/survived"
	cat "$LAB_DIR/survived"
	! grep -qv " $DOWNLOADS of $DOWNLOADS\$" "$LAB_DIR/survived"
}

gone() {
	[ ! -d "/proc/$1" ]
}

survived() {
	echo "$1 $(grep -c "^$FILE_BYTES\$" "$LAB_DIR/$1.log") of $DOWNLOADS"
}

# Its own ports are among what it is told of.
is_told_again() {
	lab_wait 20 has_flows $((6 * LASTING))
	[ "$(peer_says refused)" -eq 0 ]
}

# The second box as it would be without `sync`.
strangers() {
	sed -i '/^sync:/,/age:/d' "$LAB_CONFIG.2"
	lab_bg box2 forebay3 "$FB_BUILD/app/forebay/forebay" --config "$LAB_CONFIG.2" --foreground
	SECOND_PID=$LAB_BG_PID
	(second_box && lab_wait 20 lab_ctl version) || lab_die "the second box does not come up: $(tail -20 "$LAB_DIR/forebay3.log")"
}

listeners() {
	local host n
	LISTENING_PIDS=()
	for host in 192.0.2.30 2001:db8:f::30; do
		for n in $(seq "$LISTENING"); do
			lab_bg client "listening-$host-$n" "$(dirname "$0")/steady.py" tcp "$host" 9000
			LISTENING_PIDS+=("$LAB_BG_PID")
		done
	done
	lab_wait 20 has_flows $((2 * LISTENING))
}

# Nobody sends but the endpoints, which do so again. Somebody's request says where clients are.
endpoints_are_heard() {
	requests http://192.0.2.30 20
	lab_wait 20 has_flows $((2 * LISTENING))
	[ "$(sum_of asked)" -ge $((2 * LISTENING)) ]
}

# From the address of the peer, which is gone.
is_not_believed() {
	lab_wait 10 peer_is False
	lab_in box2 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.9.0.2", 7401))
for n in (0, 1, 52, 1232, 1400):
    s.sendto(bytes(n), ("10.9.0.1", 7401))'
	lab_wait 5 not_believed 5
}

not_believed() {
	[ "$(peer_says not_believed)" -ge "$1" ]
}

two_boxes
lab_http
two_configs
routes_by 1
for n in 1 2; do
	lab_bg "b$n" "steady-$n" "$(dirname "$0")/steady.py" serve 9000
	lab_listening "b$n" 9000
done
service web snat 20 http:TCP:80:8080 steady:TCP:9000:9000 -- 1 2
service kept dnat 30 http:TCP:80:8080 steady:TCP:9000:9000 -- 1 2
service proxied snat 40 steady:TCP:9000:9000 -- 1 2
sed -i 's|forebay.io/mode: [a-z]*|&, forebay.io/syn-proxy: always|' "$LAB_DIR"/manifests/*proxied*.yaml
lab_forebay
lab_bg box2 forebay2 "$FB_BUILD/app/forebay/forebay" --config "$LAB_CONFIG.2" --foreground
SECOND_PID=$LAB_BG_PID
(second_box && lab_wait 20 lab_ctl version) || lab_die "the second box does not come up: $(tail -20 "$LAB_DIR/forebay2.log")"
lab_wait 10 peer_is True || lab_die "the boxes do not find each other: $(tail -20 "$LAB_DIR/forebay.log")"

LASTING_PIDS=()
lasting
downloads
ALL=$((4 * DOWNLOADS + 6 * LASTING))
lab_wait 20 has_flows "$ALL"
# Packets are on their way all the time: the counters add up once they are through.
FIRST_PID=$LAB_FOREBAY_PID LAB_FOREBAY_PID=
check "established flows are told to the second box, and it takes them" are_told
echo "# $(peer_says sent_bytes) bytes in $(peer_says rounds) rounds told of $(peer_says sent_flows) flows"
kill -KILL "$FIRST_PID"
routes_by 3
second_box
check "downloads go on over the second box when the first is killed" go_on
sed 's/^/# survived: /' "$LAB_DIR/survived"
# As after a power cut: its memory is gone with it.
rm -rf "/dev/shm/$LAB_ID"
first_box
lab_forebay
FIRST_PID=$LAB_FOREBAY_PID LAB_FOREBAY_PID=
check "a box that comes back is told of the flows that it had" is_told_again
kill -KILL "$SECOND_PID"
routes_by 1
LAB_FOREBAY_PID=$FIRST_PID
check "new connections go over the box that is left" requests http://192.0.2.20 10
check "connections outlive the loss of one box and then the other" they_end lasting $((6 * LASTING)) "${LASTING_PIDS[@]}"
check "what is not signed with the key is counted and not believed" is_not_believed
strangers
listeners
LAB_FOREBAY_PID=
kill -KILL "$FIRST_PID"
sleep 0.3 # what clients had yet to acknowledge is lost with it
routes_by 3
second_box
check "connections of a box that is unknown to the second go on when their endpoints speak" endpoints_are_heard
check "and nothing of what was sent is missing" they_end listening $((2 * LISTENING)) "${LISTENING_PIDS[@]}"
done_testing
