#!/bin/bash
# SPDX-License-Identifier: MIT
#
# libpv's front-ends on the other side's ground: real Xen 4.17, the back-ends of
# its control domain's kernel, and qemu's screen and keyboard.  To be run by
# hand, as root, in the control domain of such a Xen (see README.md):
#
#	front-ends.sh GUESTS [QUESTION...]
#
# GUESTS is a folder with tiny, blksum, echo, draw and guest-fronts as `make
# tiny` leaves them in pv-obj.  One line per question, "ok NAME" or "FAIL NAME".
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
	# Nothing is left for the next question.
	xl list | awk 'NR > 1 && $2 { print $2 }' | xargs -r -n 1 xl destroy
}
# Text whose checksum is known from elsewhere; a loop device, as xl wants it.
disk() {
	[ -n "$loop" ] && return
	seq 1 3000000 | head -c 16777216 > /tmp/oracle.img
	sum=$(cksum < /tmp/oracle.img)
	loop=$(losetup -f --show /tmp/oracle.img)
}
bridge() {
	ip link show oracle0 > /dev/null 2>&1 && return
	ip link add oracle0 type bridge && ip addr add 10.87.0.1/24 dev oracle0 && ip link set oracle0 up
}
dm() { [ -z "$QEMU" ] || echo "device_model_override=\"$QEMU\""; }

# The tiny guest in 1 MiB; its clock; a console in both directions.
tiny() {
	start small tiny 1 "sleep=300" && until_true 60 said small "tiny: done" && said small '"small", 1024 KiB' &&
		said small "tiny: slept 3[0-9][0-9] ms" && until_true 20 gone small
	local rc=$?
	cat "$(log small)"
	return $rc
}
console() {
	start talk tiny 1 "echo" && until_true 60 said talk "tiny: echo" || return 1
	printf 'what is said here comes back\r\004' > "$(xenstore-read "/local/domain/$(xl domid talk)/console/tty")"
	until_true 60 said talk "tiny: done" && said talk "what is said here comes back" && until_true 20 gone talk
	local rc=$?
	cat "$(log talk)"
	return $rc
}
# ended NAME N WORD: all N verdicts of WORD are there and good, and the guest is gone.
ended() {
	cat "$(log "$1")"
	[ "$(grep -ac "$3[a-z-]*: ok" "$(log "$1")")" = "$2" ] && until_true 20 gone "$1"
}
blk() {
	start sum blksum 4 "disk=xvda" "disk=['phy:$loop,xvda,w']" &&
		until_true 60 said sum "blksum: .* us" && said sum "blksum: $sum" && until_true 20 gone sum
	local rc=$?
	cat "$(log sum)"
	return $rc
}
blk_many() {
	start fronts guest-fronts 8 "blk ring=4" "disk=['phy:$loop,xvda,w']" && until_true 60 said fronts "fronts: end"
	ended fronts 7 blk-
}
# The same with qemu as the back-end.
qdisk() {
	cp /tmp/oracle.img /tmp/qdisk.img
	start qdisk guest-fronts 8 "blk" "disk=['format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=/tmp/qdisk.img']
$(dm)" && until_true 60 said qdisk "fronts: end"
	ended qdisk 7 blk-
}
# Saved, gone, and back; everything works on, what was under way as well.
# saved_and_restored NAME N WORDS LINES
saved_and_restored() {
	start "$1" guest-fronts 8 "suspend $3" "disk=['phy:$loop,xvda,w']
$4" && until_true 60 said "$1" "waits for a suspend" && xl save "$1" "/tmp/$1.chk" && gone "$1" &&
		xl restore "/tmp/$1.chk" && until_true 60 said "$1" "suspend: resumed" &&
		until_true 60 said "$1" "waits for the end" && xl shutdown -w "$1"
	ended "$1" "$2" suspend-
}
save_restore() { saved_and_restored saved 6 ""; }
save_card() {
	bridge
	saved_and_restored carded 8 "card=10.87.0.1" "vif=['mac=00:16:3e:00:00:03,bridge=oracle0']"
}
save_screen() {
	saved_and_restored seen 8 "screen" "vfb=['vnc=1,vnclisten=127.0.0.1,vncdisplay=8,vncunused=0']
$(dm)"
}
# A suspend that is called off: the same guest goes on.  (xl looks after it no
# more then, and leaves it in the list when it has ended.)
checkpoint() {
	start point guest-fronts 8 "suspend" "disk=['phy:$loop,xvda,w']" &&
		until_true 60 said point "waits for a suspend" && xl save -c point /tmp/point.chk &&
		until_true 60 said point "suspend: called off" && until_true 60 said point "waits for the end" &&
		xl shutdown -w point && xl destroy point
	ended point 6 suspend-
}
balloon() {
	start bal guest-fronts 8 "balloon" && until_true 60 said bal "fronts: end"
	ended bal 4 balloon
}
net() {
	bridge
	start echo echo 4 "ip=10.87.0.2" "vif=['mac=00:16:3e:00:00:02,bridge=oracle0']" &&
		until_true 60 said echo "is up" && ping -c 3 -W 5 10.87.0.2 &&
		ping -c 200 -i 0.01 -s 1400 -W 5 10.87.0.2 | grep ' 0% packet loss' &&
		xl network-detach echo 0 && until_true 20 said echo "the card went"
	local rc=$?
	cat "$(log echo)"
	gone echo || xl destroy echo
	return $rc
}
# qemu is screen and keyboard; a VNC client looks and types.
display() {
	start draw draw 4 "" "vfb=['vnc=1,vnclisten=127.0.0.1,vncdisplay=7,vncunused=0']
$(dm)" && python3 "$here/vnc.py" 127.0.0.1 5907 &&
		until_true 20 said draw "draw: ended at 30, 20"
	local rc=$?
	cat "$(log draw)"
	[ $rc = 0 ] || { xenstore-ls -f | grep -E 'vfb|vkbd'; tail -5 /var/log/xen/qemu-dm-draw.log; xl destroy draw; }
	return $rc
}

disk
for question in ${@:-tiny console blk blk_many qdisk balloon net display checkpoint save_restore save_card save_screen}; do
	verdict "$question"
done
losetup -d "$loop"
exit $failed
