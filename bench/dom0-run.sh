#!/bin/bash
# SPDX-License-Identifier: MIT
# dom0 side of the benchmark (becomes /payload/run.sh). Sections to run: $TESTS in /payload/settings.
export PATH=/payload/bin:$PATH LC_ALL=C
. /payload/settings; . "/payload/adapter.sh"
us() { echo "${EPOCHREALTIME/./}"; }
say() { echo "BENCH: $*"; }
# Numbered intervals: "BENCH: STEP n name" and markers 0x10000+n .. +1 around it; n is even, 50..254 or given.
step() { local n=$1 what=$2 t; shift 2; t=$(us); mark "$n" "$@" > /tmp/step.out 2>&1; local rc=$?; say "STEP $n $what us $(($(us) - t)) rc $rc"; [ $rc = 0 ] || tail -5 /tmp/step.out; }
guest() { name=$1 kernel=${kernel:-/payload/tiny} ramdisk=$2 cmdline=$3 memory=$4 disk=$5 bridge=$6 mac=$7; ts_spec "/tmp/$(ts_spec_name)"; spec=/tmp/$(ts_spec_name); }
# Looking costs instructions, waiting costs none: look rarely, so that it does not fall into what a guest measures.
wait_console() { local i=0; sleep 30; until ts_console "$1" | grep -aq "$2"; do i=$((i + 1)); [ $i -gt 20 ] && { say "TIMEOUT $1 $2"; ts_console "$1" | tail -5; return 1; }; sleep 20; done; }
linux=/payload/vmlinux ird=/payload/guest.ird base="console=hvc0 norandmaps rdinit=/bench-init ${GUEST_KARGS}"
idle() { sleep "${1:-2}"; }
settle() { cat /payload/vmlinux /payload/tiny /payload/guest.ird /payload/bin/* > /dev/null; }
rss() { local p; for p in $1; do awk -v n="$(cat /proc/$p/comm)" '/^Rss/ { r = $2 } /^Pss:/ { s = $2 } END { print n, r, s }' /proc/$p/smaps_rollup; done; }

seed
t=$(us); mark 2; ts_start; rc=$?; mark 3; say "STEP 2 toolstack_start us $(($(us) - t)) rc $rc"
[ $rc = 0 ] || { say "the toolstack does not start"; exit 1; }
settle; idle 5
for i in 1 2 3; do step 4 nothing true; done

for section in $TESTS; do say "SECTION $section"; case $section in
A)  # micro-benchmarks in dom0 and in a guest
    mark 10; guestbench; mark 11
    kernel=$linux; guest a "$ird" "$base g.test=bench" 256
    step 14 create_linux $TS_CREATE "$spec"; wait_console a "GUEST: done"; say "CONSOLE domU"; ts_console a | grep -a -E '^(bench|skipped)' | tr -d '\r'; say "CONSOLE end"
    step 18 destroy_linux $TS_DESTROY a;;
AV) # the same guest with the toolstack's default clock
    kernel=$linux; tsc_mode=default; guest av "$ird" "$base g.test=bench" 256; tsc_mode=
    $TS_CREATE "$spec" > /dev/null; wait_console av "GUEST: done"; say "CONSOLE domU-default-tsc"; ts_console av | grep -a -E '^(bench|skipped)' | tr -d '\r'; say "CONSOLE end"
    $TS_DESTROY av;;
C)  # life cycle: tiny guest (toolstack alone), then Linux as an ELF and as the distribution's compressed image
    kernel=/payload/tiny; guest t "" "" 16; say "VERBOSE first"; $TS_CREATE_VERBOSE "$spec" 2>&1 | stamp; say "VERBOSE end"; idle 1; $TS_DESTROY t
    for i in $(seq "${CYCLES:-20}"); do step 50 create_tiny $TS_CREATE "$spec"; idle 1; step 52 destroy_tiny $TS_DESTROY t; idle 1; done
    guest t "" "" 128; for i in 1 2 3; do step 54 create_tiny_128M $TS_CREATE "$spec"; idle 1; step 56 destroy_tiny_128M $TS_DESTROY t; idle 2; done
    say "VERBOSE tiny"; $TS_CREATE_VERBOSE "$spec" 2>&1 | stamp; idle 1; say "VERBOSE end"; $TS_DESTROY t
    if [ "${TRACE_CREATE:-1}" = 1 ]; then # a toolstack may leave a process behind: trace until the guest is gone
        strace -f -e 'trace=ioctl,write,sendto,sendmsg,connect,execve' -o /tmp/strace.f $TS_CREATE "$spec" > /dev/null 2>&1 & idle 4; $TS_DESTROY t; wait $!; cp /tmp/strace.f /out/
        strace -f -c -o /tmp/strace.c $TS_CREATE "$spec" > /dev/null 2>&1 & idle 4; $TS_DESTROY t; wait $!; cp /tmp/strace.c /out/; fi
    for i in 1 2; do kernel=$linux; guest l$i "$ird" "$base g.test=hold" 128
        step 60 create_linux_vmlinux $TS_CREATE "$spec"; wait_console l$i "GUEST: done"; step 62 destroy_linux $TS_DESTROY l$i; idle 3; done; guest lv "$ird" "$base g.test=hold" 128
    say "VERBOSE linux"; $TS_CREATE_VERBOSE "$spec" 2>&1 | stamp; say "VERBOSE end"; wait_console lv "GUEST: done"; $TS_DESTROY lv; idle 2
    for i in 1 2; do kernel=/payload/vmlinuz; guest lz$i "$ird" "$base g.test=hold" 128
        step 64 create_linux_vmlinuz_$i $TS_CREATE "$spec"; wait_console lz$i "GUEST: done"; step 66 destroy_linux_z $TS_DESTROY lz$i; idle 3; done
    for i in 1 2 3; do step 72 list $TS_LIST; done;;
D)  # disk: a file in memory; the loop device in dom0, then a guest through the back-end (xl: through the loop device)
    dd if=/dev/zero of=/tmp/d.img bs=1M count=32 2>/dev/null; loop=$(losetup -f --show /tmp/d.img)
    [ "$DIRECT" = no ] || { mark 30; diskbench "$loop" 32; mark 31; }; disk=$(ts_disk /tmp/d.img "$loop"); [ "$disk" = "$loop" ] || losetup -d "$loop"
    kernel=$linux; guest d "$ird" "$base g.test=disk" 256 "$disk"
    $TS_CREATE "$spec" > /dev/null; wait_console d "GUEST: done"; say "CONSOLE disk"; ts_console d | grep -a '^disk' | tr -d '\r'; say "CONSOLE end"; $TS_DESTROY d; idle
    kernel=/payload/guest-diskbench; guest dt "" "buffer" 8 "$disk"   # the same by libpv's front-end
    $TS_CREATE "$spec" > /dev/null; wait_console dt "disk-done"; say "CONSOLE tiny-disk"; ts_console dt | grep -a '^disk' | tr -d '\r'; say "CONSOLE end"; idle;;
E)  # network: dom0 loopback, guest to dom0, guest to guest
    ip link set lo up; netbench serve & server=$!; idle 1; [ "$DIRECT" = no ] || { mark 40; netbench 127.0.0.1 32; mark 41; }
    ip link add xenbr0 type bridge; ip addr add 10.0.0.1/24 dev xenbr0; ip link set xenbr0 up
    if [ "$PAIR" != only ]; then
    kernel=$linux; guest n1 "$ird" "$base g.ip=10.0.0.2 g.peer=10.0.0.1 g.n=42" 256 "" xenbr0 00:16:3e:00:00:02
    $TS_CREATE "$spec" > /dev/null; wait_console n1 "GUEST: done"; say "CONSOLE domU-dom0"; ts_console n1 | grep -a '^net' | tr -d '\r'; say "CONSOLE end"; $TS_DESTROY n1; idle
    kernel=/payload/guest-netbench; guest nt "" "ip=10.0.0.4 peer=10.0.0.1" 8 "" xenbr0 00:16:3e:00:00:04   # the same by libpv's front-end
    $TS_CREATE "$spec" > /dev/null; wait_console nt "net-done"; say "CONSOLE tiny-dom0"; ts_console nt | grep -a '^net' | tr -d '\r'; say "CONSOLE end"; idle; fi; [ "$PAIR" = no ] && { kill $server; continue; }
    kernel=$linux; guest n2 "$ird" "$base g.ip=10.0.0.3" 256 "" xenbr0 00:16:3e:00:00:03; $TS_CREATE "$spec" > /dev/null; wait_console n2 "GUEST: done"
    kernel=$linux; guest n3 "$ird" "$base g.ip=10.0.0.2 g.peer=10.0.0.3 g.n=44" 256 "" xenbr0 00:16:3e:00:00:02
    $TS_CREATE "$spec" > /dev/null; wait_console n3 "GUEST: done"; say "CONSOLE domU-domU"; ts_console n3 | grep -a '^net' | tr -d '\r'; say "CONSOLE end"
    $TS_DESTROY n3; $TS_DESTROY n2; kill $server; idle;;
F)  # memory and growth with the number of guests
    kernel=/payload/tiny; say "FREE 0 $(ts_free_kib)"; rss "$(ts_daemons)" | sed 's/^/BENCH: RSS 0 /'
    for i in $(seq "${GUESTS:-40}"); do guest "f$i" "" "" 8; step 80 "create_nth_$i" $TS_CREATE "$spec"; idle 0.3
        case $i in 1|10|20|40) idle 1; say "FREE $i $(ts_free_kib)"; rss "$(ts_daemons)" | sed "s/^/BENCH: RSS $i /"; rss "$(ts_guest_processes)" | awk -v i=$i '{ n++; r += $2; s += $3 } END { print "BENCH: RSSGUEST " i, n, r, s }'; awk -v i=$i '/MemAvail/ { print "BENCH: DOM0AVAIL " i, $2 }' /proc/meminfo; esac; done
    step 82 list_many $TS_LIST
    for i in $(seq "${GUESTS:-40}"); do step 84 "destroy_nth_$i" $TS_DESTROY "f$i"; idle 0.3; done; idle 2; say "FREE end $(ts_free_kib)";;
G)  # what a disk and a network card add to a creation
    kernel=/payload/tiny; dd if=/dev/zero of=/tmp/g.img bs=1M count=8 2>/dev/null; loop=$(losetup -f --show /tmp/g.img); ip link add xenbr0 type bridge; ip link set xenbr0 up
    for i in 1 2 3 4 5; do guest t "" "" 16; step 86 create_tiny $TS_CREATE "$spec"; idle 2; $TS_DESTROY t; idle 3
        guest t "" "" 16 "$(ts_disk /tmp/g.img "$loop")" xenbr0 00:16:3e:00:00:09; step 88 create_tiny_disk_net $TS_CREATE "$spec"; idle 3; step 90 destroy_tiny_disk_net $TS_DESTROY t; idle 3; done;;
N)  # density: GUESTS guests of pv-drivers' tiny at once; how each answers, what they take, what they leave; then as many once more
    kernel=/payload/tiny-guest; n=${GUESTS:-1000}; for i in $(seq 0 "$n"); do guest "f$i" "" echo 1; done
    said() { ts_console "f$1" | grep -aq "$2"; }
    weigh() { say "FREE $1 $(ts_free_kib)"; for p in $(ts_daemons) $(ts_guest_processes); do awk -v n="$(cat /proc/$p/comm)" '/^Pss:/ { s = $2 } /^Pss_Shmem:/ { s -= $2 } END { print n, s }' /proc/$p/smaps_rollup; done | sed "s/^/BENCH: OWN $1 /"; awk -v i="$1" '/^(MemAvailable|Shmem|Slab|KernelStack|PageTables|VmallocUsed|Percpu)/ { print "BENCH: DOM0 " i, $1, $2 }' /proc/meminfo
        say "DOM0 $1 channels: $(awk '/xen-dyn/ { n++ } END { print n }' /proc/interrupts)"; }
    create() { guest "f$1" "" echo 1; "${@:2}" $TS_CREATE "$spec" > /tmp/step.out 2>&1 && return; say "create $1 failed: $(tail -1 /tmp/step.out)"; return 1; }
    drain() { for i in $(seq "$n"); do mark "$1" $TS_DESTROY "f$i" > /tmp/step.out 2>&1 || { say "destroy $i failed: $(tail -1 /tmp/step.out)"; break; }; done; idle 10; }
    left() { store_nodes > /tmp/nodes.1; ts_fds > /tmp/fds.1; { grep -vxFf /tmp/nodes.0 /tmp/nodes.1; grep -vxFf /tmp/fds.0 /tmp/fds.1; } > /tmp/left
        if [ -s /tmp/left ]; then say "LEFT $(wc -l < /tmp/left) nodes, processes or descriptors"; head -20 /tmp/left; else say "LEFT nothing"; fi; }
    create 0; idle 1; $TS_DESTROY f0; idle 2; store_nodes > /tmp/nodes.0; ts_fds > /tmp/fds.0; weigh 0
    for i in $(seq "$n"); do create "$i" mark 80 || break; idle 0.1
        said "$i" 'tiny: this is' || { idle 2; said "$i" 'tiny: this is' || { say "guest $i is silent"; break; }; }
        case $i in 1|10|20|30|40|50|60|[1-9]00|1000) idle 1; weigh "$i"; step 82 "list_$i" $TS_LIST; step 82 "list_$i" $TS_LIST;; esac; done
    $TS_LIST | awk '/^f[1-9]/ { print substr($1, 2), $2 }' > /tmp/alive; say "ALIVE $(wc -l < /tmp/alive)"
    while read -r i id; do tty=$(store_read "/local/domain/$id/console/tty"); printf 'number %d is here\r' "$i" > "$tty"; done < /tmp/alive; idle 5
    while read -r i id; do said "$i" "number $i is here" && echo "$i"; done < /tmp/alive > /tmp/answered; say "ANSWERED $(wc -l < /tmp/answered)"
    drain 84; weigh end; left
    [ "$AGAIN" = no ] || { for i in $(seq "$n"); do create "$i" || break; done; idle 5; weigh again; drain 86; weigh again_end; left; };;
esac; done
[ "$KALLSYMS" = yes ] && cat /proc/kallsyms > /out/kallsyms; say "END"
