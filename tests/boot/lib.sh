# SPDX-License-Identifier: MIT
# Shell functions of the boot tests; they run in the control domain.
dmesg -n 1

plan() { echo "TEST plan $*"; }
ok() { echo "TEST ok $1"; }
bad() { local n=$1; shift; echo "TEST FAIL $n: $*"; }
# verdict NAME COMMAND...: ok when the command succeeds; its output is the reason when not.
verdict() {
	local n=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$n"; else bad "$n" "$(echo "$out" | tail -3 | tr '\n' ' ')"; fi
}
uptime_ms() { local u r; read u r < /proc/uptime; u=${u%.*}${u#*.}; echo $((${u#0} * 10)); }
# until_true SECONDS COMMAND...: look until it holds; fail at the limit.
until_true() {
	local end=$(($(uptime_ms) + $1 * 1000))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$(uptime_ms)" -lt $end ] || return 1
		usleep 100000
	done
}
# What the control domain's kernel has complained of first; fails if of nothing.
kernel_complaint() { dmesg | grep -v 'soft lockup' | grep -m1 -E 'BUG: |WARNING: |Oops: |Bad page'; }
console_log() { echo "/var/log/bulkhead/console/$1.log"; }
said() { grep -aq "$2" "$(console_log "$1")" 2> /dev/null; }
# wait_said NAME PATTERN SECONDS
wait_said() {
	until_true "$3" said "$1" "$2" && return 0
	echo "guest $1 did not say \"$2\" within $3 s; its last lines: $(tail -n 3 "$(console_log "$1")" 2>&1)"
	return 1
}
listed() { ctl list | grep -q "\b$1\b"; }
not_listed() { ! listed "$1"; }
wait_gone() { until_true "$2" not_listed "$1" || { echo "guest $1 is still listed after $2 s"; return 1; }; }

# kill_daemon NAME: by SIGKILL; then it is there again, as another process.
kill_daemon() {
	local p
	p=$(cat "/run/bulkhead/$1.pid") && kill -9 "$p" || { echo "$1 does not run"; return 1; }
	# What is dead is there until its parent has looked.
	daemon_gone() { ! kill -0 "$1"; }
	until_true 20 daemon_gone "$p" || { echo "$1 does not die"; return 1; }
	# The others have a keeper.
	[ "$1" != supervisor ] || bulkhead-start || return 1
	daemon_again() { q=$(cat "/run/bulkhead/$1.pid") && [ -n "$q" ] && [ "$q" != "$2" ] && kill -0 "$q"; }
	until_true 20 daemon_again "$1" "$p" || { echo "$1 did not come back; $(tail -n 3 "/var/log/bulkhead/$1.log")"; return 1; }
}

# guest_xml NAME KERNEL MEMORY_MIB VCPUS CMDLINE [INITRD] [ON_POWEROFF ON_REBOOT ON_CRASH]
guest_xml() {
	cat << XML
<domain type="xen">
  <name>$1</name>
  <memory unit="MiB">$3</memory>
  <vcpu>$4</vcpu>
  <os>
    <type>linux</type>
    <kernel>$2</kernel>
    ${6:+<initrd>$6</initrd>}
    <cmdline>$5</cmdline>
  </os>
  <on_poweroff>${7:-destroy}</on_poweroff>
  <on_reboot>${8:-restart}</on_reboot>
  <on_crash>${9:-destroy}</on_crash>
  <devices><console type="pty"/></devices>
</domain>
XML
}
initrd=/usr/share/bulkhead/guest.cpio.gz

free_kib() { ctl info --host --json | sed -n 's/.*"free_kib": *\([0-9]*\).*/\1/p' | head -1; }
store_nodes() { ctl store ls -r / 2> /dev/null | sed 's/ = .*//'; }
# The programs that run, but for busybox, of which this test is made.
programs() {
	local p exe
	for p in /proc/[0-9]*; do
		exe=$(readlink "$p/exe") && [ "$exe" != /bin/busybox ] && echo "$exe"
	done | sort
}
daemon_fds() {
	local n p
	for n in supervisor xenstored consoled; do
		for p in $(pidof "$n"); do echo "$n $(ls "/proc/$p/fd" | wc -l)"; done
	done
}
# Everything that a guest's life must give back, one fact per line.
holdings() {
	echo "free memory $(free_kib) KiB"
	store_nodes | sed 's/^/store node /'
	programs | sed 's/^/process /'
	daemon_fds | sed 's/^/open files of /'
	ls /run/bulkhead 2> /dev/null | sed 's/^/runtime file /'
}
# What two lists of holdings differ in, on one line.
differ() { diff "$1" "$2" | grep '^[-+][^-+]' | tr '\n' ';'; }
