#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Networks, for real: a supervisor (without a hypervisor) in namespaces of its
# own makes bridges, rules and dnsmasqs; "guests" are other network namespaces
# behind veth pairs in its bridges.  Skipped, with a sentence, where a kernel
# or a missing program forbids it.
build=$PWD
src=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
src=$(cd "$src" && pwd)

skip()
{
	echo "SKIP: $*"
	exit 77
}

if [ "$1" != inside ]; then
	[ "$(id -u)" = 0 ] || skip "networks are made by root"
	for p in /usr/sbin/dnsmasq /usr/sbin/nft /usr/bin/ip; do
		[ -x $p ] || [ -x "/bin${p##*/bin}" ] ||
			[ -x "/sbin/${p##*/}" ] || skip "$p is not here"
	done
	unshare -nm --propagation private true 2> /dev/null ||
		skip "this kernel makes no namespaces here"
	unshare -n ip link add br0 type bridge 2> /dev/null ||
		skip "this kernel makes no bridges here"
	exec timeout 120 unshare -nmpf --mount-proc --propagation private \
		sh "$0" inside "$build" "$src"
fi
build=$2
src=$3

# ---- A world of our own ----

mount -t tmpfs none /mnt && cp -a /etc /mnt/etc && rm -rf /mnt/etc/bulkhead &&
	mount --bind /mnt/etc /etc || exit 1
mount -t tmpfs none /var/lib && mount -t tmpfs none /run || exit 1
mount -t sysfs none /sys 2> /dev/null
mkdir -p /run/work /run/netns
cp "$build/tests/net/supervisor" "$build/tests/toolstack/ctl" /run/work
"$build/libtool" --mode=install cp "$build/name-server" /run/work > /dev/null ||
	exit 1
cd /run/work || exit 1
ip link set lo up

checks=0
failed=0
check()
{
	checks=$((checks + 1))
	if ! eval "$2"; then
		failed=$((failed + 1))
		echo "FAIL: $1: $2"
	fi
}

# The same until it is true, ten seconds at most; for what another process
# does by itself.
soon()
{
	i=0
	while [ $i -lt 200 ] && ! eval "$2" > /dev/null 2>&1; do
		i=$((i + 1))
		sleep 0.05
	done
	check "$1" "$2"
}

ctl()
{
	./ctl "$@"
}

says()
{
	what=$1
	words=$2
	shift 2
	out=$("$@" 2>&1) && echo "FAIL: $what: it worked" && failed=$((failed + 1))
	checks=$((checks + 1))
	case $out in
	*"$words"*) ;;
	*)	failed=$((failed + 1))
		echo "FAIL: $what: \"$out\" instead of \"$words\"" ;;
	esac
}

start_supervisor()
{
	./supervisor --schema "$src/xml-schemas/guest.rng" \
		--pid-file run/supervisor.pid || exit 1
	supervisor=$(cat run/supervisor.pid)
}

kill_supervisor()
{
	kill -9 "$supervisor"
	while kill -0 "$supervisor" 2> /dev/null; do sleep 0.02; done
}

pid_of() { cat "/run/bulkhead/networks/$1/dnsmasq.pid"; }

# guest NAME BRIDGE: a namespace with a card in the bridge.
guest()
{
	ip netns add "$1"
	ip link add "p-$1" type veth peer name eth0 netns "$1"
	ip link set "p-$1" master "$2" up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 address "$3" up
}

# dhcp GUEST: what dnsmasq gives it, taken.
dhcp()
{
	ip netns exec "$1" "$build/tests/net/dhcp-ask" eth0
}

# reach GUEST ADDRESS PORT: something there answers, be it with a refusal.
reach()
{
	ip netns exec "$1" python3 - "$2" "$3" << END
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
except ConnectionRefusedError:
    pass
except OSError:
    sys.exit(1)
END
}

# ---- The network every guest may ask for ----

start_supervisor
check "default is there" 'ctl net-list | grep -q "^default *inactive *no *nat *bhbr0 *192.168.122.1/24"'
check "it starts" 'ctl net-start default'
check "it has its bridge" 'ip -4 addr show bhbr0 | grep -q "inet 192.168.122.1/24"'
check "its rules" 'nft list table inet bulkhead-bhbr0 | grep -q masquerade'
check "dnsmasq" 'kill -0 $(pid_of default)'
check "as nobody else" '[ $(stat -c %u /proc/$(pid_of default)) -gt 1000000000 ]'
check "with three capabilities" 'grep -q "CapEff:.*3400" /proc/$(pid_of default)/status'
check "packets are forwarded" '[ $(cat /proc/sys/net/ipv4/ip_forward) = 1 ]'
says "twice" "runs already" ctl net-start default
check "info in JSON" 'ctl net-info --json default | grep -q "\"active\": *true"'

# ---- A guest in it: address, name, way out ----

guest a bhbr0 00:16:3e:00:00:0a
check "DHCP" 'dhcp a | grep -q "^192.168.122."'
check "lease in net-info" 'ctl net-info default | grep -q "00:16:3e:00:00:0a 192.168.122"'
ip -n a addr add 192.168.122.200/24 dev eth0
ip -n a route add default via 192.168.122.1
ip netns add world
ip link add up0 type veth peer name eth0 netns world
ip addr add 10.77.0.1/24 dev up0
ip link set up0 up
ip -n world addr add 10.77.0.2/24 dev eth0
ip -n world link set eth0 up
ip -n world link set lo up
check "the world is reached" 'reach a 10.77.0.2 9'
ip -n world route add 192.168.122.0/24 via 10.77.0.1
check "the world does not reach in" '! reach world 192.168.122.200 9'

# ---- dnsmasq dies, the supervisor dies ----

old=$(pid_of default)
kill -9 "$old"
soon "dnsmasq comes back" '[ "$(pid_of default)" != "$old" ] && kill -0 $(pid_of default)'
old=$(pid_of default)
kill_supervisor
check "the network stays" 'reach a 10.77.0.2 9 && kill -0 $old'
start_supervisor
check "and is found" 'ctl net-list | grep -q "^default *active"'
check "with its dnsmasq" '[ "$(pid_of default)" = "$old" ]'
check "nothing twice" '[ $(nft list ruleset | grep -c masquerade) = 1 ] && [ $(ip -4 addr show bhbr0 | grep -c inet) = 1 ]'
kill_supervisor
kill -9 "$old"
soon "dnsmasq is dead" '! kill -0 $old'
start_supervisor
check "a dead dnsmasq is found dead" 'kill -0 $(pid_of default)'
kill_supervisor
rm /run/bulkhead/networks/default/up
start_supervisor
check "half a network is none" 'ctl net-list | grep -q "^default *inactive" && ! ip link show bhbr0 2> /dev/null && [ -z "$(nft list ruleset)" ]'

# ---- Addresses that are taken ----

ip link add up1 type veth peer name up2
ip addr add 192.168.122.77/24 dev up1
ip link set up1 up
check "the default network moves" 'ctl net-start default && ctl net-list | grep -q "^default *active.*192.168.123.1/24"'
check "for good" 'grep -q 192.168.123.1 /etc/bulkhead/networks/default.xml'
check "it stops" 'ctl net-stop default'
check "and leaves nothing" '! ip link show bhbr0 2> /dev/null && [ -z "$(nft list ruleset)" ] && [ -z "$(ls /run/bulkhead/networks)" ]'

# ---- Networks of one's own ----

cat > taken.xml << END
<network><name>taken</name><forward mode="nat"/>
<ip address="192.168.122.1" netmask="255.255.255.0"/></network>
END
check "define" 'ctl net-define taken.xml'
says "its addresses are in use" "are those of \"up1\" already" ctl net-start taken
check "nothing is left of it" '[ -z "$(ls /run/bulkhead/networks)" ] && ! ip link show bhbr1 2> /dev/null'
check "undefine" 'ctl net-undefine taken && ! ctl net-list | grep -q taken'

cat > alone.xml << END
<network><name>alone</name><bridge name="alone0"/>
<ip address="10.88.0.1" prefix="24"><dhcp><range start="10.88.0.10" end="10.88.0.20"/>
<host mac="00:16:3e:00:00:0b" ip="10.88.0.99" name="bee"/></dhcp></ip></network>
END
check "isolated" 'ctl net-define alone.xml && ctl net-start alone'
guest b alone0 00:16:3e:00:00:0b
guest c alone0 00:16:3e:00:00:0c
check "a fixed address" 'dhcp b | grep -q "^10.88.0.99$"'
check "another" 'dhcp c | grep -q "^10.88.0.[12]"'
ip -n b addr add 10.88.0.99/24 dev eth0
ip -n c addr add 10.88.0.15/24 dev eth0
ip -n b route add default via 10.88.0.1
check "guest to guest" 'reach b 10.88.0.15 9'
check "not out" '! reach b 10.77.0.2 9'
check "not to services of the control domain" '! reach b 10.88.0.1 22'
check "but to its DNS" 'reach b 10.88.0.1 53'
check "it goes on" 'ctl net-undefine alone && ctl net-list | grep -q "^alone *active"'
kill_supervisor
start_supervisor
check "also after a death" 'ctl net-list | grep -q "^alone *active"'
check "until it stops" 'ctl net-stop alone && ! ctl net-list | grep -q alone'
ip netns del b
ip netns del c

ip link add br5 type bridge
cat > theirs.xml << END
<network><name>theirs</name><forward mode="bridge"/><bridge name="br5"/></network>
END
check "somebody's bridge" 'ctl net-define theirs.xml && ctl net-start theirs && ctl net-stop theirs'
check "stays" 'ip link show br5 > /dev/null'
check "autostart" 'ctl net-autostart theirs'
kill "$supervisor"
while kill -0 "$supervisor" 2> /dev/null; do sleep 0.02; done
start_supervisor
check "starts by itself" 'ctl net-list | grep -q "^theirs *active *yes"'
check "no more" 'ctl net-autostart --off theirs && ctl net-stop theirs && ctl net-undefine theirs'

# ---- What bad input gets ----

says "no such network" "there is no network \"nix\"" ctl net-start nix
echo '<network><name>../x</name></network>' > bad.xml
says "a bad name" "bad.xml:1: <name>: a network's name" ctl net-define bad.xml
echo '<network><name>x</name><bridge name="alone0; rm"/></network>' > bad.xml
says "a bad bridge" "cannot be the name of a network device" ctl net-define bad.xml
echo '<network><name>x</name><bridge name="br5"/></network>' > bad.xml
ctl net-define bad.xml
says "a bridge that is there" "there is a network device \"br5\" already" ctl net-start x
check "which stays" 'ip link show br5 > /dev/null && ctl net-undefine x'
check "nothing is left" '[ "$(ls /etc/bulkhead/networks)" = default.xml ]'

kill "$supervisor"
echo "networks: $checks checks, $failed failed"
[ $failed = 0 ]
