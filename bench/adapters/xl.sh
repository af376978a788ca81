# SPDX-License-Identifier: MIT
# Toolstack adapter: Xen's own xl.  An adapter defines the functions below; guests are described by the
# shell variables  name kernel ramdisk cmdline memory  and, when not empty,  disk (block device)  bridge  mac.
ts_modules() { for m in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs xen-blkback xen-netback loop bridge tun; do modprobe $m; done; mount -t xenfs xenfs /proc/xen; }
ts_start() {    # from a bare dom0 to "guests can be created"
    ts_modules
    /lib/systemd/systemd-udevd --daemon --resolve-names=never
    mkdir -p /run/xen /run/xenstored
    "${XENSTORED:-oxenstored}" --pid-file /run/xenstored.pid
    until [ -e /run/xenstored/socket ]; do sleep 0.05; done
    xen-init-dom0 > /dev/null
    xenconsoled --pid-file=/run/xenconsoled.pid --log=all
    until pgrep xenconsoled > /dev/null; do sleep 0.05; done
}
ts_spec() {     # write $1 from the guest variables
    {   echo "name = '$name'"; echo "type = 'pv'"; echo "kernel = '$kernel'"; [ -n "$ramdisk" ] && echo "ramdisk = '$ramdisk'"
        echo "extra = '$cmdline'"; echo "memory = $memory"; echo "vcpus = 1"; echo "on_crash = 'preserve'"
        echo "tsc_mode = '${tsc_mode:-native}'"
        if [ -n "$disk" ] && [ "$DISK" = qdisk ]; then echo "disk = [ 'vdev=xvda,access=rw,format=raw,backendtype=qdisk,target=$disk' ]"
        elif [ -n "$disk" ]; then echo "disk = [ 'phy:$disk,xvda,w' ]"; fi; [ -n "$bridge" ] && echo "vif = [ 'mac=$mac,bridge=$bridge' ]"; } > "$1"
}
ts_disk() { if [ "$DISK" = qdisk ]; then echo "$1"; else echo "$2"; fi; }  # of a file and the loop device on it
ts_spec_name() { echo "$name.cfg"; }
TS_CREATE="xl create"           # + spec file; returns when the guest has been started
TS_CREATE_VERBOSE="xl -vvv create"
TS_DESTROY="xl destroy"         # + guest name
TS_LIST="xl list"
ts_console() { cat "/var/log/xen/console/guest-$1.log" 2>/dev/null; }
ts_free_kib() { local m; m=$(xl info | awk '/^free_memory/ { print $3 }'); echo $((m * 1024)); }
ts_daemons() { pgrep -x 'oxenstored|xenstored|xenconsoled'; }
ts_guest_processes() { pgrep -x xl; }   # what stays resident for the guests
store_nodes() { xenstore-ls -f / 2> /dev/null | sed 's/ = .*//'; }
store_read() { xenstore-read "$1"; }
ts_fds() { local p; for p in $(ts_daemons); do echo "$(cat /proc/$p/comm) $(ls /proc/$p/fd | wc -l)"; done; readlink /proc/[0-9]*/exe 2> /dev/null | grep -vE '/(readlink|grep|sort|bash)$' | sort; }
