#!/bin/bash
# SPDX-License-Identifier: MIT
#
# libpv's front-ends on the other side's ground: real Xen 4.17, the back-ends of
# its control domain's kernel, and qemu's screen and keyboard.  To be run by
# hand, as root, in the control domain of such a Xen (see README.md):
#
#	front-ends.sh GUESTS [QUESTION...]
#
# GUESTS is a folder with blksum, echo, draw and guest-fronts as `make tiny`
# leaves them in pv-obj.  One line per question, "ok NAME" or "FAIL NAME".
guests=$(cd "$1" && pwd) here=$(cd "$(dirname "$0")" && pwd) failed=0
shift
log() { echo "/var/log/xen/console/guest-$1.log"; }
said() { grep -aq "$2" "$(log "$1")" 2> /dev/null; }
# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
gone() { ! xl list "$1" > /dev/null 2>&1; }
# start NAME KERNEL MIB WORDS [LINES]
start() {
	rm -f "$(log "$1")"
	cat > "/tmp/$1.cfg" << X
name = "$1"
type = "pv"
kernel = "$guests/$2"
memory = $3
vcpus = 1
extra = "$4"
on_crash = "destroy"
$5
X
	xl create "/tmp/$1.cfg" > "/tmp/$1.out" 2>&1 || { cat "/tmp/$1.out"; return 1; }
}
verdict() {
	local out
	if out=$("$@" 2>&1); then
		echo "ok $1"
	else
		echo "FAIL $1"
		echo "$out" | sed 's/^/    /'
		failed=1
	fi
}
# Text whose checksum is known from elsewhere; a loop device, as xl wants it.
disk() {
	[ -n "$loop" ] && return
	seq 1 3000000 | head -c 16777216 > /tmp/oracle.img
	sum=$(cksum < /tmp/oracle.img)
	loop=$(losetup -f --show /tmp/oracle.img)
}

blk() {
	start sum blksum 4 "disk=xvda" "disk=['phy:$loop,xvda,w']" &&
		until_true 60 said sum "blksum: .* us" && said sum "blksum: $sum" && until_true 20 gone sum
	local rc=$?
	cat "$(log sum)"
	return $rc
}
blk_many() {
	start fronts guest-fronts 8 "blk" "disk=['phy:$loop,xvda,w']" && until_true 60 said fronts "fronts: end"
	cat "$(log fronts)"
	[ "$(grep -ac 'blk-[a-z]*: ok' "$(log fronts)")" = 7 ] && until_true 20 gone fronts
}
# Saved, gone, and back: the disk works on, and what was written is there.
save_restore() {
	start saved guest-fronts 8 "suspend" "disk=['phy:$loop,xvda,w']" &&
		until_true 60 said saved "waits for a suspend" && xl save saved /tmp/saved.chk && gone saved &&
		xl restore /tmp/saved.chk && until_true 60 said saved "suspend: resumed" &&
		until_true 60 said saved "suspend-read: ok" && xl shutdown -w saved && said saved "suspend-poweroff: ok"
	local rc=$?
	cat "$(log saved)"
	return $rc
}
# A suspend that is called off: the same guest goes on.
checkpoint() {
	start point guest-fronts 8 "suspend" "disk=['phy:$loop,xvda,w']" &&
		until_true 60 said point "waits for a suspend" && xl save -c point /tmp/point.chk &&
		until_true 60 said point "suspend-read: ok" && xl shutdown -w point && said point "suspend-poweroff: ok"
	local rc=$?
	cat "$(log point)"
	return $rc
}
balloon() {
	start bal guest-fronts 8 "balloon" && until_true 60 said bal "fronts: end"
	cat "$(log bal)"
	[ "$(grep -ac 'balloon[a-z-]*: ok' "$(log bal)")" = 4 ]
}
net() {
	ip link show oracle0 > /dev/null 2>&1 || { ip link add oracle0 type bridge; ip addr add 10.87.0.1/24 dev oracle0; ip link set oracle0 up; }
	start echo echo 4 "ip=10.87.0.2" "vif=['mac=00:16:3e:00:00:02,bridge=oracle0']" &&
		until_true 60 said echo "is up" && ping -c 3 -W 5 10.87.0.2 &&
		ping -c 200 -i 0.01 -s 1400 -W 5 10.87.0.2 | grep ' 0% packet loss' &&
		xl network-detach echo 0 && until_true 20 said echo "the card went"
	local rc=$?
	cat "$(log echo)"
	xl destroy echo
	return $rc
}
# qemu is screen and keyboard; a VNC client looks and types.
display() {
	start draw draw 4 "" "vfb=['vnc=1,vnclisten=127.0.0.1,vncdisplay=7,vncunused=0']
${QEMU:+device_model_override=\"$QEMU\"}" && python3 "$here/vnc.py" 127.0.0.1 5907 &&
		until_true 20 said draw "draw: ended at 30, 20"
	local rc=$?
	cat "$(log draw)"
	[ $rc = 0 ] || { xenstore-ls -f | grep -E 'vfb|vkbd'; tail -5 /var/log/xen/qemu-dm-draw.log; xl destroy draw; }
	return $rc
}

disk
for question in ${@:-blk blk_many save_restore checkpoint balloon net display}; do
	verdict "$question"
done
losetup -d "$loop"
exit $failed
