# SPDX-License-Identifier: MIT
# Toolstack adapter: Bulkhead's ctl. See xl.sh for what each function must do; adjust names here as the toolstack takes shape.
ts_start() {
    for m in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs loop bridge tun; do modprobe $m; done
    mount -t xenfs xenfs /proc/xen
    ${CTL_START:-bulkhead-start}
}
ts_spec() {
    {   echo "<domain type='xen'><name>$name</name><memory unit='MiB'>$memory</memory><vcpu>1</vcpu>"
        echo "<os><type arch='x86_64'>xen</type><kernel>$kernel</kernel>"
        [ -n "$ramdisk" ] && echo "<initrd>$ramdisk</initrd>"
        echo "<cmdline>$cmdline</cmdline></os><on_crash>preserve</on_crash><devices><console type='pty'/>"
        [ -n "$disk" ] && echo "<disk type='file' device='disk'><driver type='raw'/><source file='$disk'/><target dev='xvda' bus='xen'/></disk>"
        [ -n "$bridge" ] && echo "<interface type='bridge'><source bridge='$bridge'/><mac address='$mac'/></interface>"
        echo "</devices></domain>"; } > "$1"
}
# Which of FILE and LOOP-DEVICE is the disk.
ts_disk() { echo "$1"; }
ts_spec_name() { echo "$name.xml"; }
TS_CREATE="ctl create"
TS_CREATE_VERBOSE="ctl create --timing"
TS_DESTROY="ctl destroy"
TS_LIST="ctl list"
ts_console() { cat "/var/log/bulkhead/console/$1.log" 2>/dev/null; }
ts_free_kib() { ctl info --host --json | sed -n 's/.*"free_kib": *\([0-9]*\).*/\1/p'; }
ts_daemons() { pgrep -x 'xenstored|consoled|supervisor'; }
ts_guest_processes() { pgrep -x 'blkback|netback'; }
store_nodes() { ctl store ls -r / 2> /dev/null | sed 's/ = .*//'; }
store_read() { ctl store read "$1"; }
ts_fds() { local p; for p in $(ts_daemons); do echo "$(cat /proc/$p/comm) $(ls /proc/$p/fd | wc -l)"; done; readlink /proc/[0-9]*/exe 2> /dev/null | grep -vE '/(readlink|grep|sort|bash)$' | sort; }
