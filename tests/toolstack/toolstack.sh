#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The supervisor and ctl together, on a libctrl without a hypervisor
# (fake-ctrl.c).  Both were built to keep their sockets and files in the
# working folder.  Each line of output is a claim that holds.
here=$(pwd)/tests/toolstack
schema=${srcdir:-.}/xml-schemas/guest.rng
case $schema in /*) ;; *) schema=$(pwd)/$schema ;; esac
top=${schema%/xml-schemas/*}
dir=$(mktemp -d) || exit 99
cd "$dir" || exit 99
cp "$here/blkback" . || exit 99
export ASAN_OPTIONS=detect_leaks=1
pid=

end()
{
	[ -n "$pid" ] && kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
	cd / && rm -rf "$dir"
}
trap end EXIT

die()
{
	echo "not so: $*"
	echo "--- last output:"; cat "$dir/out" 2> /dev/null
	echo "--- supervisor:"; cat "$dir/log" 2> /dev/null
	exit 1
}

ctl() { "$here/ctl" "$@"; }

# code N COMMAND...: ctl ends with that code
code()
{
	want=$1
	shift
	timeout 20 "$here/ctl" "$@" > out 2>&1 < /dev/null
	got=$?
	[ $got -eq "$want" ] || die "ctl $* ends with $want (it was $got)"
}

says() { grep -q -- "$1" out || die "it says \"$1\""; }
logged() { grep -q -- "$1" log || die "the log says \"$1\""; }

# until COMMAND...: waits at most 10 s for a condition
until_true()
{
	n=0
	until "$@" > /dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 200 ] || die "at last: $*"
		sleep 0.05
	done
}

guest()		# NAME CMDLINE [MORE-XML]
{
	cat > "$1.xml" <<- E
	<domain type='xen'><name>$1</name><memory unit='MiB'>64</memory>
	<os><kernel>/bin/sh</kernel><cmdline>$2</cmdline></os>$3</domain>
	E
}

export FAKE_STORE=$dir/store
start()
{
	"$here/supervisor" -f --schema "$schema" 2>> log &
	pid=$!
	until_true ctl version
}

start
guest a ""
code 0 create a.xml; says 'guest "a" started with id 1'
code 6 create a.xml; says 'exists already, with id 1'
code 0 list; says '^a  *1 '
code 0 list --json; says '"name":"a"'
code 0 info a; says '^state  *idle'
code 0 info 1; says '^name  *a'
code 0 info --host --json; says '"free_kib":123456'
grep -q consoled out && die "a daemon that lives is not spoken of"
echo "it ended with code 3, and did so 6 times lately" > run/consoled.deaths
code 0 info --host; says '^consoled  *it ended with code 3, and did so 6 times'
rm run/consoled.deaths
code 3 info nobody
code 3 destroy nobody
code 5 destroy 0
for i in version "version --json" list "info a" "dump-xml a" help "pause --help"; do
	"$here/ctl" $i > /dev/full 2> out && die "ctl $i: it could not be written"
	says '^ctl: standard output: No space left'
done
echo "a guest is started once, and can be seen"

code 0 pause a; code 0 list; says '^a .* paused '
code 0 pause a
code 0 unpause a; code 0 list; says '^a .* idle '
echo "pausing twice is pausing once"

code 0 rename a web; code 3 pause a; code 0 pause web; code 0 unpause 1
code 0 dump-xml web; says '<name>web</name>'; says '<uuid>'
code 2 rename web 17; code 2 rename web a/b
code 6 rename web Domain-0; code 0 info web; code 0 list; says '^web '
guest b ""; code 0 create b.xml; code 6 rename b web
cp out dump; code 0 dump-xml web; cp out web2.xml
echo "a guest goes by its new name"

code 0 shutdown --wait web
code 0 info web; says '^reason  *poweroff'; says '^state  *gone'
code 3 pause web; says 'it ended (poweroff)'
code 0 create web2.xml; code 0 destroy web
code 0 info web; says '^reason  *destroyed'
echo "shutdown --wait returns when the guest is gone, and it is known why"

guest d "deaf"; code 0 create d.xml
code 4 shutdown --timeout 1 d; says 'has not ended'
code 2 shutdown --timeout 0 d; says 'a number of seconds from 1 to 1000000'
code 0 destroy d
echo "a guest that does not listen costs no more than the time given"

guest k "end=killed" "<on_crash>preserve</on_crash>"
code 0 create k.xml
until_true grep -q 'ended (crash)' log
code 0 info k; says '^state  *crashed'; says 'd[0-9]* killed: it broke a rule'
code 1 pause k; says 'only kept for a look'
code 0 destroy k; code 0 info k; says 'it broke a rule'
echo "who was killed by the hypervisor is kept with its reason"

guest r "end=reboot" "<on_reboot>restart</on_reboot>"
code 0 create r.xml
until_true grep -q 'giving up' log
until_true sh -c "$here/ctl info r | grep -q gone"
code 0 info r; says 'too soon, too often'; says '^restarts  *4'
echo "a guest that ends at once is started five times and no more"

guest n "end=crash" "<on_crash>rename-restart</on_crash>"
code 0 create n.xml; says 'started with id [1-9]'
until_true grep -q '"n": 5 lives' log
code 0 list; says '^n-1 '; says '^n-4 '; says '^n '
for i in n n-1 n-2 n-3 n-4; do until_true ctl destroy $i; done
echo "rename-restart keeps every one of them"

# Cut to make room for the number, and yet UTF-8: else its record is lost.
long=1234567890123456789012345678901234567890123456789é-and-more
guest "$long" "end=crash" "<on_crash>rename-restart</on_crash>"
code 0 create "$long.xml"
until_true grep -q "\"$long\": 5 lives" log
code 0 list; says '^123456789012345678901234567890123456789012345678[0-9]-1 '
! grep -q 'record cannot be written' log || die "the kept ones are written down"
for i in 1 2 3 4; do
	until_true ctl destroy "${long%é*}-$i"
done
until_true ctl destroy "$long"
echo "a long name of a kept guest is cut between letters"

# bulkhead-stop asks all of them, also one with a blank in its name.
guest q "deaf"; code 0 create q.xml; code 0 rename q "q 0 z"; code 0 pause "q 0 z"
(PATH=$here:$PATH sh "$top/dom0-tools/supervisor/bulkhead-stop" --only-guests) > out 2>&1
code 0 list; grep -q ' 0 z' out && die "it is gone"
guest b ""; code 0 create b.xml
echo "the control domain's end is the end of every guest"

guest f "fail=image"
code 1 create f.xml; says 'guest "f": image: it fails on request'
code 3 info f
[ -z "$(ls run/domains | grep starting)" ] || die "no record is left"
echo "a creation that fails leaves nothing"

guest x "" "<devices><disk type='file'><source file='/x'/><target dev='xvda'/></disk></devices>"
code 3 create x.xml; says 'x.xml:2: <disk>: /x: No such file'
code 0 validate x.xml
guest y "" "<memroy/>"
code 1 create y.xml; says 'y.xml:2: <memroy>: no such element'
code 1 validate y.xml
printf '\377' > z.xml; code 1 create z.xml; says 'not UTF-8'
code 3 create nowhere.xml
guest v "" "<genid/>"; code 0 create --dry-run v.xml; says 'warning: v.xml:2: <genid>'
code 3 info v
echo "bad documents are refused with a sentence"

code 2 frob; code 2 create; code 2 list x; code 2
code 0 --help; sed -n 's/^  \([a-z-]*\)  *.*/\1/p' out > commands
[ "$(wc -l < commands)" -gt 25 ] || die "it has commands"
while read -r c; do
	code 0 "$c" --help; says "^Usage: ctl $c"
	sed 's/\\f.//g; s/\\//g' "$top/dom0-tools/ctl/ctl.8" | grep -q "^\.B.*\b$c\b" || die "the manual tells about $c"
	grep -q "[[:space:]\"]$c\b" "$top/dom0-tools/ctl/completion/ctl" || die "bash completes $c"
	[ "$(code 0 help "$c"; cat out)" = "$(code 0 "$c" -h; cat out)" ] || die "help $c is $c --help"
done < commands
echo "each command has help, a place in the manual, and is completed"

guest c ""; code 1 create --console c.xml; says 'consoled is not running'
code 0 info c; says '^state  *idle'; code 1 console c; code 0 destroy c
code 3 console c; says 'has ended; .*/c.log'
code 3 console 31999; says 'no guest "31999"'
echo "a guest whose console cannot be shown runs all the same"

guest t ""; code 0 create --timing t.xml; says '^memory  *[0-9.]* ms'
code 0 destroy t
code 0 dmesg; says 'killed: it broke a rule'
echo "steps are timed"

guest p1 "slow"; guest p2 "slow"
ctl create p1.xml > o1 2>&1 & j1=$!
ctl create p1.xml > o2 2>&1 & j2=$!
ctl create p2.xml > o3 2>&1 & j3=$!
wait $j1; c1=$?; wait $j2; c2=$?; wait $j3; c3=$?
[ $((c1 + c2)) -eq 6 ] && [ $c3 -eq 0 ] || die "one of two wins ($c1 $c2 $c3)"
code 0 destroy p1; code 0 destroy p2
echo "of two creations with one name, one wins"

mkfifo many.in
python3 -c 'import socket, sys
many = [socket.socket(socket.AF_UNIX) for i in range(800)]
for s in many: s.connect("run/supervisor.sock")
print("here", flush=True)
sys.stdin.read()' > many < many.in & many=$!
exec 6> many.in
until_true grep -q here many
code 0 list; exec 6>&-; wait $many
echo "800 who wait leave room for another one"

guest q "slow"
ctl create q.xml > o1 2>&1 & j1=$!
until_true sh -c "ls run/domains | grep -q starting"
kill -9 $j1; wait $j1 2> /dev/null
until_true ctl destroy q
echo "a creation goes on when its ctl is killed"

disk()		# FILE TARGET [MORE-XML]
{
	echo "<disk type='file'><source file='$dir/$1'/><target dev='$2'/>$3</disk>"
}
disks() { echo "<devices>$*</devices>"; }
state() { grep -qx "/local/domain/0/backend/blkback/$1/state $2" store; }
nothing_of_devices()
{
	[ -z "$(ls run/backend run/journal run/devices | grep vbd)" ] &&
		! grep -q /backend/blkback store && ! grep -q device/vbd store
}
back_pid() { sed -n "s/.* $1 \\([0-9]*\\) {\"do\":\"hello\"}/\\1/p" back.log | tail -1; }
truncate -s 1M a.img; truncate -s 2M b.img

# Who dies between the two must not leave somebody behind whom nobody knows.
mkfifo order.go
python3 -c 'import ctypes, os, struct
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
names = {libc.inotify_add_watch(fd, ("run/" + n).encode(), 0x180): n
         for n in ("devices", "backend")}		# created, moved to
open("order.go", "w").close()
seen = []
while not any(s.startswith("backend") for s in seen):
    data = os.read(fd, 65536)
    while data:
        wd, _, _, n = struct.unpack("iIII", data[:16])
        name = data[16:16 + n].rstrip(b"\0").decode()
        if not name.endswith(".tmp"):
            seen.append(names[wd] + " " + name)
        data = data[16 + n:]
print(seen[0])' > order & order=$!
cat order.go
guest e0 "" "$(disks "$(disk a.img xvda)")"
code 0 create e0.xml; id=$(sed 's/.*id //' out)
wait $order
[ "$(cat order)" = "devices $id.vbd.51712" ] || die "the record comes first: $(cat order)"
code 0 destroy e0
echo "a back-end is written down before it runs"

guest e1 "" "$(disks "$(disk a.img xvda)" "$(disk b.img xvdb)")"
code 0 create e1.xml; id=$(sed 's/.*id //' out)
until_true state $id/51712 4; until_true state $id/51728 4
grep -q "51728/sectors 4096" store || die "its size stands in the store"
truncate -s 1M c.img d.img e.img
guest loud "" "$(disks "$(disk c.img xvda '<serial>loud</serial>')" "$(disk d.img xvdb '<serial>loud</serial>')")"
code 0 create loud.xml
guest shy "" "$(disks "$(disk e.img xvda '<serial>stop</serial>')")"
code 0 create shy.xml
until_true sh -c "[ \$(grep -c 'loud\": .*makes it say this' log) -ge 32 ]"
until_true grep -q 'shy": disk xvda: stopped: it asked for sector 99' log
until_true ctl destroy loud; until_true ctl destroy shy
n=$(grep -c 'its guest makes it say this' log)
[ "$n" -gt 0 ] && [ "$n" -le 40 ] || die "a guest has the log for itself ($n lines)"
echo "a guest's devices do not fill the log"
# Servers of disks that accept and never say anything.
cp blkback blkback-nbd
mkfifo nbd.end
python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.1", 0), backlog=64)
print(s.getsockname()[1], flush=True)
sys.stdin.read()' < nbd.end > nbd.port & nbd=$!
exec 8> nbd.end
until_true test -s nbd.port
jobs=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	guest "nbd$i" "" "$(disks "<disk type='network'><source protocol='nbd' name='$i'><host name='127.0.0.1' port='$(cat nbd.port)'/></source><target dev='xvda'/><serial>mute</serial></disk>")"
	timeout 60 "$here/ctl" create "nbd$i.xml" > "nbd$i.out" 2>&1 & jobs="$jobs $!"
done
until_true sh -c '[ $(grep -c "blkback-nbd .*mute" back.log) -ge 4 ]'
guest other "" "$(disks "$(disk e.img xvda)")"
timeout 5 "$here/ctl" create other.xml > out 2>&1 || die "a guest waits for another one's disk"
timeout 5 "$here/ctl" list-disks other > out 2>&1 || die "people wait for another one's disk"
timeout 5 "$here/ctl" destroy other > out 2>&1 || die "an end waits for another one's disk"
until_true sh -c '[ $(grep -c "blkback-nbd .*mute" back.log) -ge 12 ]'
for p in $(grep "blkback-nbd .*mute" back.log | cut -d ' ' -f 3); do kill -KILL "$p"; done
wait $jobs
grep -q 'its back-end was ended by signal 9' nbd12.out || { cp nbd12.out out; die "its disk's back-end was ended"; }
exec 8>&-; wait $nbd; rm blkback-nbd
echo "who waits for a disk's server does not hold up others"
guest e2 "" "$(disks "$(disk a.img xvda)")"
code 6 create e2.xml; says 'e2.xml:2: <disk>: .*a.img.*e1'
code 3 info e2
for i in 1 2 3; do
	sleep 0.15; kill -KILL "$(back_pid $id.51712)"
	until_true sh -c "[ \$(grep -c '$id.51712.*\"resume\":true,\"front\"' back.log) -eq $i ]"
done
state $id/51712 4 || die "a back-end's death is not seen by the guest"
logged 'e1": disk xvda: its back-end was ended by signal 9'
# As a dead back-end's last write does, a lock stays: for longer than one looks.
hold()		# FILE: who has it locks it after the back-end's death
{
	python3 -c 'import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()' "$1" < hold.in > hold.out &
}
mkfifo hold.in
kill_held()	# its back-end, whose last write does not end
{
	hold a.img
	exec 7> hold.in
	kill -STOP $pid; kill -KILL "$(back_pid $id.51712)"
	until_true grep -q held hold.out
	: > log; kill -CONT $pid
	until_true grep -q 'e1": disk xvda: waits for what its dead back-end began: .*a.img' log
	! grep -q 'stopped:' log || die "it is waited for"
}
kill_held; exec 7>&-
until_true sh -c "[ \$(grep -c '$id.51712.*\"resume\":true,\"front\"' back.log) -eq 4 ]"
echo "a new back-end waits until what the dead one began is over"
kill_held
code 0 destroy e1; exec 7>&-
nothing_of_devices || die "nothing is left of its devices"
code 0 create --dry-run e2.xml; nothing_of_devices || die "it made nothing"
code 0 create e2.xml; code 0 destroy e2
guest e3 "" "$(disks "$(disk no.img xvda)")"
code 3 create --dry-run e3.xml; says 'e3.xml:2: <disk>: .*no.img: No such file'
# Nor is a dry run content with what a real one would refuse.
nic() { guest e4 "" "<devices><interface type='$1'>$2</interface></devices>"; }
nic network "<source network='none'/>"
code 3 create --dry-run e4.xml; says 'e4.xml:2: <interface>: there is no network "none"'
nic bridge "<source bridge='none'/>"
code 1 create --dry-run e4.xml; says 'e4.xml:2: <interface>: there is no bridge "none"'
nic ethernet "<filterref filter='none'/>"
code 1 create --dry-run e4.xml; says 'e4.xml:2: <interface>: there is no filter of this name'
guest Domain-0 ""; code 6 create --dry-run Domain-0.xml; says 'exists already, with id 0'
u='<uuid>11111111-2222-3333-4444-555555555555</uuid>'
guest e5 "" "$u"; code 0 create e5.xml; guest e6 "" "$u"
code 6 create --dry-run e6.xml; says '555555555555 is that of guest "e5"'
code 6 create e6.xml; says '555555555555 is that of guest "e5"'; code 0 destroy e5
echo "a guest's disks come, survive their back-ends, and go"

for odd in refuse die; do
	guest o "" "$(disks "$(disk a.img xvda)" "$(disk b.img xvdb "<serial>$odd</serial>")")"
	code 1 create o.xml; says 'o.xml:2: <disk>: '
	code 3 info o
	nothing_of_devices || die "nothing is left of it"
done
echo "a device that cannot be attached leaves no half-made guest"

guest o "" "$(disks "$(disk a.img xvda "<serial>stop</serial>")")"
code 0 create o.xml; until_true grep -q 'o": disk xvda: stopped: it asked for sector 99' log
code 0 destroy o
guest o "" "$(disks "$(disk a.img xvda "<serial>crash</serial>")")"
code 0 create o.xml; until_true grep -q 'o": disk xvda: stopped: its back-end was ended by signal 6' log
code 0 destroy o
guest o "" "$(disks "$(disk a.img xvds)")"
code 0 create o.xml; until_true grep -q 'o": disk xvds: stopped: it changed its state' log
code 0 destroy o
guest o "" "$(disks "$(disk a.img xvdt)")"
code 0 create o.xml; id=$(sed 's/.*id //' out)
until_true sh -c "[ \$(grep -c '$id.268440320.*\"do\":\"connect\",\"resume\":false' back.log) -eq 2 ]"
until_true state $id/268440320 4
code 0 destroy o; nothing_of_devices || die "nothing is left of it"
echo "a device is stopped with a reason, and connects to a second kernel"

guest h "" "$(disks "$(disk a.img xvda)")"
code 0 create h.xml; id=$(sed 's/.*id //' out)
truncate -s 1M c.img
code 0 attach-disk h c.img xvdb; says '^xvdb attached'
state $id/51728 4 || die "the guest is connected to it"
code 6 attach-disk h b.img xvdb; says 'command line:1: <disk>: guest "h" has a disk xvdb already'
code 6 attach-disk h a.img xvdc; says 'a.img: it is in use by guest "h" (xvda)'
code 3 attach-disk h none.img xvdc; says 'none.img: No such file'
code 3 attach-disk nobody b.img xvdc
code 1 attach-disk h b.img fish; says '<target dev="fish">'
code 1 attach-disk --format zip h b.img xvdc; says 'the format may be'
code 0 list-disks h; says '^xvda  *1024  raw  *rw  *connected .*a.img'
says '^xvdb  *1024 '
code 0 list-disks --json h; says '"target":"xvdb"'; says '"version":1'
code 0 info h; says '^disk  *xvdb, connected, .*c.img'
code 0 resize-disk h xvdb 3M
code 0 list-disks h; says '^xvdb  *3072 '
grep -q "51728/sectors 6144" store || die "the new size stands in the store"
code 1 resize-disk h xvdb 1M; says 'is not smaller'
code 2 resize-disk h xvdb "3 "; code 2 resize-disk h xvdb 3X; code 3 resize-disk h xvdz 3M
truncate -s 4M c.img; code 0 resize-disk h xvdb
grep -q "51728/sectors 8192" store || die "what was done elsewhere is seen"
code 0 dump-xml h; says 'c.img.*xvdb'
code 0 detach-disk h xvdb
code 0 dump-xml h; says 'a.img'; grep -q 'c.img' out && die "the document has it no more"
grep -q 51728 store && die "nothing is left of xvdb"
code 3 detach-disk h xvdb; says 'it has no disk "xvdb"'
code 0 attach-disk h c.img xvdh
code 4 detach-disk --timeout 1 h xvdh; says 'has not let go'
code 0 list-disks h; says '^xvdh .* leaving '
code 0 detach-disk --force h xvdh
code 0 attach-disk --timeout 1 h c.img xvdd; says 'warning: the guest has not connected'
code 0 detach-disk --force h 51760
disk c.img xvde > c.xml
code 0 attach-disk h c.xml; code 0 detach-disk h xvde
echo "<disk type='file'><sorce/></disk>" > c.xml
code 1 attach-disk h c.xml; says 'c.xml:1: <sorce>: no such element'
echo "<controller type='usb'/>" > c.xml
code 1 attach-disk h c.xml; says 'neither a <disk> nor an <interface>'
code 1 attach-disk --serial refuse h c.img xvde; says '<disk>: it does not want to'
grep -q 51776 store && die "nothing is left of xvde"
code 2 attach-disk h; code 2 detach-disk h; code 2 list-disks
[ -z "$(grep -c . run/devices/$id.vbd.51760 2> /dev/null)" ] || die "no record is left"
code 0 destroy h; nothing_of_devices || die "nothing is left of it"
# A guest that ends while its new disk's document is read.
python3 -c 'import sys
print("<!--", "x" * 900000, "-->" + sys.argv[1])' "$(disk a.img xvdb)" > m-disk.xml
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	guest m ""; code 0 create m.xml
	ctl attach-disk m m-disk.xml > o1 2>&1 & j1=$!
	sleep 0.0$i; until_true ctl destroy m
	wait $j1; nothing_of_devices || die "nothing is left of it"
done
echo "disks come and go while a guest runs"

guest w "" "$(disks "$(disk a.img xvda)")"
code 0 create w.xml; id=$(sed 's/.*id //' out)
until_true state $id/51712 4
touch store.down
truncate -s 5M a.img; code 0 resize-disk w xvda
kill -KILL "$(back_pid $id.51712)"
until_true grep -q "$id.51712.*\"resume\":true,\"front\"" back.log
rm store.down
until_true grep -q "51712/sectors 10240" store
state $id/51712 4 || die "the guest noticed nothing"
grep -q "$id.51712.*\"do\":\"disconnect\"" back.log && die "and kept its ring"
code 0 attach-disk w b.img xvdb; state $id/51728 4 || die "all is well again"
code 0 destroy w; nothing_of_devices || die "nothing is left of it"
echo "a store that is away for a while costs no device"

"$here/../../xenstored" --no-xen -f --socket run/store.sock 2> store.log & xs=$!
until_true ctl store read /local/domain/0/name
i=0; while [ $i -lt 1200 ]; do echo "/many/$((i += 1))"; done |
	xargs -n 1 -I NODE "$here/ctl" store write NODE x
code 0 store ls /many; [ "$(wc -l < out)" -eq 1200 ] || die "1200 nodes"; says '^1200 = "x"'
code 0 store ls -r -p /; says '^/many/777 = "x"   (n0)'
"$here/ctl" store read /many/1 > /dev/full 2> out && die "it could not be written"
says 'No space left'
code 3 store ls /none
for n in 0 abc 1x '' 99999999999999999999; do
	code 2 store watch -n "$n" /many; says 'it must be a number from 1'
done
code 0 store watch -n 1 /many; says '^/many$'
kill $xs; wait $xs 2> /dev/null
echo "long directories of the store are listed"

# Images of other formats: a server each, whose user is one disk's alone.
cat > image-server << 'E'
#!/usr/bin/python3
import os, socket, sys
print(sys.argv[1], sys.argv[2], file=open("servers.log", "a"))
if sys.argv[2] != "stop" and not os.fork():
    s = socket.socket(fileno=3).accept()[0]
    s.send(b"NBDMAGIC")
    s.recv(1)
E
chmod +x image-server; cp blkback blkback-nbd
for i in 1 2; do printf 'QFI\373\0\0\0\3' > q$i.img; truncate -s 1M q$i.img; done
guest q1 "" "$(disks "$(disk q1.img xvda "<driver type='qcow2'/>")")"; code 0 create q1.xml
code 0 rename q1 q0
guest q1 "" "$(disks "$(disk q2.img xvda "<driver type='qcow2'/>")")"; code 0 create q1.xml
[ "$(sort -u servers.log | grep -c ' w$')" -eq 2 ] || die "two servers, two users: $(cat servers.log)"
: > servers.log
code 0 destroy q0; code 0 destroy q1; nothing_of_devices || die "nothing is left of them"
[ "$(sort -u servers.log | grep -c ' stop$')" -eq 2 ] || die "each ends alone: $(cat servers.log)"
echo "the server of an image is its own, whatever guests are called"

guest s "end=poweroff"
i=0; while [ $i -lt 70 ]; do
	code 0 create s.xml
	until_true sh -c "$here/ctl info s | grep -q gone"
	i=$((i + 1))
done
[ "$(ls run/domains | grep -c ended)" -eq 64 ] || die "64 epitaphs"
fds=$(ls /proc/$pid/fd | wc -l)
[ "$fds" -lt 24 ] || die "few descriptors are open ($fds)"
echo "the ended do not pile up"

code 0 destroy b
kill -TERM $pid; wait $pid; rc=$?; pid=
[ $rc -eq 0 ] || die "the supervisor ends well ($rc)"
logged 'supervisor ends'
code 1 list; says 'supervisor is not running'
echo "the supervisor ends without a leak"

start
code 0 info s; says '^reason  *poweroff'
guest u "" "$(disks "$(disk a.img xvda)" "$(disk b.img xvdb)")"; code 0 create u.xml
until_true state 1/51712 4; until_true state 1/51728 4
cp run/domains/1.json u.json
kill -KILL $pid; wait $pid 2> /dev/null; pid=
echo "the next supervisor still knows who ended and why"

# One domain with a record, one that was half made, one of another program,
# and the record of a guest that is gone.
sed 's/"id":1,/"id":9,/; s/"name":"u"/"name":"w"/' u.json > run/domains/9.json
# Two whose end was begun: one to be started again, one not.
sed 's/"id":1,/"id":10,/; s/"name":"u"/"name":"v2"/; s/"uuid":"......../"uuid":"00000010/; s/<devices>.*<.devices>//; s/}$/,"finish":"v2"}/' u.json > run/domains/10.json
sed 's/"id":1,/"id":4,/; s/"name":"u"/"name":"v3"/; s/"uuid":"......../"uuid":"00000004/; s/<devices>.*<.devices>//; s/}$/,"finish":""}/' u.json > run/domains/4.json
printf '{"half' > run/domains/00000000-0000-0000-0000-000000000002.starting
dead=$(back_pid 1.51728); kill -KILL "$dead"
# A server of an image that a supervisor was killed over.
stray=
if [ "$(id -u)" -eq 0 ]; then
	python3 -c 'import os, sys, time
os.setuid(0x50000000 + 15000)
print("here", flush=True)
time.sleep(60)' > stray & stray=$!
	until_true grep -q here stray
fi
alive=$(back_pid 1.51712)
u=00000000-0000-0000-0000-00000000000
FAKE_DOMAINS="1:$(echo ${u}1 | tr -d -):u 2:$(echo ${u}2 | tr -d -):h 3:$(echo ${u}3 | tr -d -):other 4:$(echo ${u}4 | tr -d -):v3 11:$(echo ${u}5 | tr -d -):$(printf 'b\374cher')"
export FAKE_DOMAINS
start
code 0 list; says '^(null)  *11 '; says '^other '
code 0 list --json; says '"name":"(null)"'; code 0 info 11; says '^id  *11'
until_true grep -q 'u": disk xvdb: its back-end is gone; it is started again' log
until_true grep -q ' 1[.]51728.*"resume":true,"front"' back.log
until_true grep -q 'guest "v2": started again' log
until_true sh -c "$here/ctl info v3 | grep -q 'reason  *destroyed'"
code 0 list; says '^v2 '; grep -q '^v3 ' out && die "what was to end has ended"
[ ! -e run/domains/10.json ] && [ ! -e run/domains/4.json ] ||
	die "their records are gone"
if [ -n "$stray" ]; then
	grep -qx "1342192280 stop" servers.log || die "the stray server is told to end"
	kill $stray; wait $stray 2> /dev/null
fi
code 0 destroy v2
[ "$(back_pid 1.51712)" -eq "$alive" ] && kill -0 "$alive" || die "the living one goes on"
code 0 list-disks u; says '^xvda  *[1-9][0-9]* .* connected '
until_true sh -c "$here/ctl list-disks u | grep -q '^xvdb .* connected'"
code 0 detach-disk u xvda; code 0 attach-disk u a.img xvda
# The same while the store is away: a ring is not let go of unseen.
until_true sh -c "$here/ctl list-disks u | grep -q '^xvda .* connected'"
kill -KILL $pid; wait $pid 2> /dev/null; pid=
kill -KILL "$(back_pid 1.51728)"
touch store.down
lines=$(wc -l < back.log)
FAKE_DOMAINS="1:$(echo ${u}1 | tr -d -):u 3:$(echo ${u}3 | tr -d -):other"
start
until_true sh -c "[ \$(grep -c ' 1[.]51728.*\"do\":\"start\"' back.log) -eq 3 ]"
rm store.down
until_true sh -c "[ \$(grep -c ' 1[.]51728.*\"resume\":true,\"front\"' back.log) -eq 2 ]"
until_true sh -c "$here/ctl list-disks u | grep -q '^xvdb .* connected'"
tail -n +$((lines + 1)) back.log | grep -q ' 1[.]51712.*"do":"[dq]' && die "the living one kept its ring"
code 0 list; says '^u '; says '^other '
grep -q '^h ' out && die "the half-made one is gone"
[ -e run/domains/00000000-0000-0000-0000-000000000002.starting ] &&
	die "its record is gone"
code 0 dump-xml u; code 7 dump-xml other
code 0 info w; says '^reason  *gone'
code 0 shutdown --wait u; code 0 info u; says '^reason  *poweroff'
code 0 destroy other
nothing_of_devices || die "nothing is left of its devices"
kill -TERM $pid; wait $pid; pid=
echo "it takes over the living, removes the half made, ends what was ending"
