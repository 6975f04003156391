# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The lab: network namespaces around forebay, with real kernel stacks on both sides. Sourced by
# scripts/quickstart and by every test in tests/netns; it holds no test itself.
#
#     client ---- box(lan)  forebay  box(svc) ---- net (bridge) ---- b1, b2, b3, ...
#     203.0.113.2    .1                  10.1.0.1                    10.1.0.11, .12, .13
#     2001:db8:c::2  ::1                 fd00:1::1                   fd00:1::11, ::12, ::13
#
# forebay runs in the namespace "box" on the veth ends lan0 and svc0 and makes its twins fb-lan and
# fb-svc there. All names are unique to one lab, so several run side by side. A lab holds nothing
# outside its namespaces, $LAB_DIR and /dev/shm/$LAB_ID: lab_down kills what runs inside by its process id, and the
# interfaces vanish with their namespaces.
#
# shellcheck disable=SC2034 # read by whoever sources this

FB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FB_BUILD=${FB_BUILD:-$FB_ROOT/build-release}
LAB_ROLES=(client box net)
LAB_BACKENDS=0
LAB_MAC_LAN=02:fb:00:00:00:01
LAB_MAC_SVC=02:fb:00:00:00:02
LAB_FOREBAY_PID=

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

# The namespace of a role: client, box, net, b1, ...
lab_ns() {
	echo "$LAB_ID-$1"
}

# Run a command where that role lives: lab_in client curl ...
lab_in() {
	local role=$1
	shift
	ip netns exec "$LAB_ID-$role" "$@"
}

# The same in the background, output to $LAB_DIR/NAME.log: lab_bg b1 dns dnsmasq ...
# The pid is left in LAB_BG_PID: setsid and ip netns exec become the program, they do not fork. In a
# session of its own it neither gets the terminal's interrupt nor ends with it.
lab_bg() {
	local role=$1 name=$2
	shift 2
	setsid ip netns exec "$LAB_ID-$role" "$@" >"$LAB_DIR/$name.log" 2>&1 </dev/null &
	LAB_BG_PID=$!
	disown "$LAB_BG_PID" # bash would report each that lab_down ends
}

# Wait until TCP (and, where a server does both, UDP) is served on a port: lab_listening ROLE PORT. Nobody
# connects to find out, so that no reset is counted.
lab_listening() {
	lab_wait 10 lab_listens "$@" || lab_die "nobody listens on port $2 in $1"
}

lab_listens() {
	[ -n "$(lab_in "$1" ss -Hltn "sport = :$2")" ]
}

# Wait for a condition, not for a time: lab_wait SECONDS COMMAND...
lab_wait() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

# A namespace whose addresses are usable at once: no duplicate address detection, no router
# advertisements, no connections refused because a port lingers.
lab_namespace() {
	local ns=$LAB_ID-$1
	ip netns add "$ns"
	ip -n "$ns" link set lo up
	ip netns exec "$ns" sysctl -q -w \
		net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv4.ip_local_port_range="10000 65000" net.ipv4.tcp_tw_reuse=1
}

# A veth between two roles: lab_link ROLE_A IFACE_A ROLE_B IFACE_B
lab_link() {
	ip link add "$2" netns "$LAB_ID-$1" type veth peer name "$4" netns "$LAB_ID-$3"
	ip -n "$LAB_ID-$1" link set "$2" up
	ip -n "$LAB_ID-$3" link set "$4" up
}

# The end of a kernel stack. Over veth a kernel hands on packets whose checksum is still to be computed,
# and several segments glued together, because it trusts the kernel on the other side to know. forebay
# is no kernel and has to see what a wire would carry.
lab_plain() {
	lab_in "$1" ethtool -K "$2" tx off tso off gso off gro off rx off >/dev/null
}

# The end that forebay opens. The kernel of its namespace sees the same frames: no address, no ARP, no
# IPv6, and forebay's own MAC address keep it from answering (unicast is then for another host to it).
lab_device() {
	lab_in "$1" sysctl -q -w "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$LAB_ID-$1" link set "$2" arp off promisc on
	ip -n "$LAB_ID-$1" addr flush dev "$2"
	lab_plain "$1" "$2"
}

# Add backend N: its addresses end in 10 + N, its way out is forebay (needed where the client's
# address is kept).
lab_backend() {
	local n=$1 role=b$1
	lab_namespace "$role"
	lab_link net "$role" "$role" eth0
	ip -n "$LAB_ID-net" link set "$role" master br0
	lab_plain "$role" eth0
	ip -n "$LAB_ID-$role" addr add "10.1.0.$((10 + n))/24" dev eth0
	ip -n "$LAB_ID-$role" addr add "fd00:1::$((10 + n))/64" dev eth0 nodad
	ip -n "$LAB_ID-$role" route add default via 10.1.0.1
	ip -n "$LAB_ID-$role" -6 route add default via fd00:1::1
	[ "$n" -le "$LAB_BACKENDS" ] || LAB_BACKENDS=$n
}

# The whole picture, without forebay: lab_up [BACKENDS]
lab_up() {
	local n
	[ "$(id -u)" -eq 0 ] || lab_die "network namespaces need root"
	LAB_ID=fbl$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
	LAB_DIR=$(mktemp -d "/tmp/$LAB_ID.XXXXXX")
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR/manifests" "$LAB_DIR/www"
	LAB_CONFIG=$LAB_DIR/forebay.yaml
	LAB_SOCKET=$LAB_DIR/forebay.sock

	lab_namespace client
	lab_namespace box
	lab_namespace net
	lab_link client eth0 box lan0
	# The box's kernel keeps off the ports that forebay takes for snat on the same addresses.
	lab_in box sysctl -q -w net.ipv4.ip_local_port_range="10000 32000"
	lab_plain client eth0
	lab_device box lan0
	ip -n "$LAB_ID-client" addr add 203.0.113.2/24 dev eth0
	ip -n "$LAB_ID-client" addr add 2001:db8:c::2/64 dev eth0 nodad
	# Service addresses lie behind the box, like any network behind a router.
	for n in 192.0.2.0/24 10.96.0.0/16 10.1.0.0/24; do
		ip -n "$LAB_ID-client" route add "$n" via 203.0.113.1
	done
	for n in 2001:db8:f::/64 fd00:96::/64 fd00:1::/64; do
		ip -n "$LAB_ID-client" -6 route add "$n" via 2001:db8:c::1
	done

	ip -n "$LAB_ID-net" link add br0 type bridge mcast_snooping 0
	ip -n "$LAB_ID-net" link set br0 up
	lab_link net box box svc0
	ip -n "$LAB_ID-net" link set box master br0
	lab_device box svc0
	LAB_BACKENDS=0
	for n in $(seq "${1:-3}"); do
		lab_backend "$n"
	done
}

# End what runs in the lab's namespaces, then the namespaces. Safe to call twice and half way through.
lab_down() {
	local ns pids
	[ -n "${LAB_ID-}" ] || return 0
	for ns in $(ip netns list 2>/dev/null | awk -v id="$LAB_ID-" 'index($1, id) == 1 { print $1 }'); do
		# More than once: one that was just forked is in no list yet.
		for _ in $(seq 100); do
			pids=$(ip netns pids "$ns" 2>/dev/null) || pids=
			[ -n "$pids" ] || break
			# shellcheck disable=SC2086 # one word per process
			kill -KILL $pids 2>/dev/null || true
			sleep 0.01
		done
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "$LAB_DIR" "/dev/shm/$LAB_ID"
	LAB_ID=
	LAB_FOREBAY_PID=
}

# lab_down however the script ends; interrupted twice, as by a terminal and by whoever started it, it would
# leave half of it behind.
lab_trap() {
	trap 'trap "" INT TERM HUP; lab_down' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# A web server on port 8080 of each backend that answers its own name, and files under /files/.
lab_http() {
	local n
	for n in $(seq "$LAB_BACKENDS"); do
		lab_http_one "$n"
	done
}

lab_http_one() {
	local n=$1 dir=$LAB_DIR/nginx-$1
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		daemon off;
		user root;
		worker_processes 1;
		pid $dir/pid;
		error_log stderr;
		events { worker_connections 4096; }
		http {
			access_log off;
			keepalive_requests 1000000;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			server {
				listen 8080 backlog=4096;
				listen [::]:8080 backlog=4096;
				location / { return 200 "backend-$n\n"; }
				location = /client { return 200 "\$remote_addr\n"; }
				location /files/ { alias $LAB_DIR/www/; }
			}
		}
	END
	lab_bg "b$n" "nginx-$n" nginx -e stderr -p "$dir" -c "$dir/nginx.conf"
	lab_listening "b$n" 8080
}

# The settings of the lab's forebay. LAB_WORKERS (2), LAB_DRIVER (af_packet), LAB_MODE (dnat), LAB_VLAN
# (0) and LAB_EXTRA (more YAML, top level) change them.
lab_config() {
	local workers=${LAB_WORKERS:-2} cores=() n
	# More workers than CPUs share them: this is a lab.
	for n in $(seq 0 $((workers - 1))); do
		cores+=("$(((n + 1) % $(nproc)))")
	done
	cat >"$LAB_CONFIG" <<-END
		ports:
		  - name: lan
		    device: $(lab_vdev 0 lan0 "$workers")
		    mac: $LAB_MAC_LAN
		    addresses: [203.0.113.1/24, "2001:db8:c::1/64"]
		    vlan: ${LAB_VLAN:-0}
		  - name: svc
		    device: $(lab_vdev 1 svc0 "$workers")
		    mac: $LAB_MAC_SVC
		    addresses: [10.1.0.1/24, "fd00:1::1/64"]
		    vlan: ${LAB_VLAN:-0}
		workers:
		  count: $workers
		  cores: [$(IFS=,; echo "${cores[*]}")]
		  control-core: 0
		  idle: sleep
		  ring-size: 8192
		memory:
		  hugepages: off
		flows:
		  ipv4: 65536
		  ipv6: 65536
		  directory: /dev/shm/$LAB_ID
		nat:
		  mode: ${LAB_MODE:-dnat}
		manifests:
		  - path: $LAB_DIR/manifests
		state-dir: $LAB_DIR/state
		control:
		  socket: $LAB_SOCKET
		metrics:
		  listen: 127.0.0.1:9464
		${LAB_EXTRA-}
	END
}

# More room between workers and from the devices than by default: here a worker waits for a CPU now and
# then. Rings of 4096 frames: with the driver's 512, iperf3 sees a packet in a hundred lost in a burst.
lab_vdev() {
	case ${LAB_DRIVER:-af_packet} in
	af_packet) echo "net_af_packet$1,iface=$2,qpairs=$3,framecnt=4096" ;;
	af_xdp) echo "net_af_xdp$1,iface=$2,start_queue=0,queue_count=$3" ;;
	esac
}

lab_ctl() {
	"$FB_BUILD/app/forebayctl/forebayctl" --socket "$LAB_SOCKET" "$@"
}

# Start forebay (or LAB_PROGRAM) in the box and wait until it answers.
lab_forebay() {
	lab_bg box forebay "${LAB_PROGRAM:-$FB_BUILD/app/forebay/forebay}" --config "$LAB_CONFIG" --foreground
	LAB_FOREBAY_PID=$LAB_BG_PID
	lab_wait 20 lab_forebay_settled ||
		lab_die "forebay does not come up: $(tail -20 "$LAB_DIR/forebay.log")"
	[ -d "/proc/$LAB_FOREBAY_PID" ] || lab_die "forebay ended: $(tail -20 "$LAB_DIR/forebay.log")"
}

# It answers, or it is gone and there is nothing to wait for.
lab_forebay_settled() {
	[ ! -d "/proc/$LAB_FOREBAY_PID" ] || lab_ctl version
}

lab_forebay_gone() {
	[ ! -d "/proc/$LAB_FOREBAY_PID" ]
}

# Send it a signal and wait until it has gone: lab_forebay_stop SIGNAL
lab_forebay_stop() {
	kill -"$1" "$LAB_FOREBAY_PID"
	lab_wait 10 lab_forebay_gone || lab_die "forebay does not end: $(tail -20 "$LAB_DIR/forebay.log")"
}
