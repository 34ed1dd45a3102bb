/**
 * What runs in the machine before the daemon: the first program of the initrd and that of the root. Plain shell, for
 * the host's own sh, mount and modprobe. Words of the kernel's command line that a libguestfs library passes are
 * described in guestfs-internals(1); `guestfs_control` and `guestfs_drives` are our own.
 */

/** What the scripts are told when they are made. */
export interface ScriptFacts {
  /** UUID of the root in its usual form. */
  uuid: string;
  /** 512-byte sectors of the root's device. */
  sectors: number;
  /** Modules to load at the start, in order. */
  modules: readonly string[];
}

/** Where the initrd has modprobe: not where the kernel looks for it, see {@link initrdScript}. */
export const INITRD_LOADER = '/loader/modprobe';

/** What modprobe of the initrd is told: SCSI hosts look for disks when they are asked to. */
export const INITRD_LOADER_OPTIONS = 'options scsi_mod scan=manual\n';

/**
 * Table for `mount -a` of the initrd: all that the root wants too, which takes the same mounts over. The folders of /run
 * are filesystems of their own because mount makes them on the way: every program that is started costs time without KVM.
 */
export const INITRD_MOUNTS = `proc /proc proc defaults 0 0
sysfs /sys sysfs defaults 0 0
devtmpfs /dev devtmpfs mode=0755 0 0
devpts /dev/pts devpts mode=0620,gid=5,X-mount.mkdir 0 0
tmpfs /dev/shm tmpfs mode=1777,X-mount.mkdir 0 0
tmpfs /run tmpfs mode=0755,nosuid 0 0
tmpfs /run/lock tmpfs mode=0755,nosuid,X-mount.mkdir 0 0
tmpfs /run/lvm tmpfs mode=0755,nosuid,X-mount.mkdir 0 0
tmpfs /run/tmp tmpfs mode=1777,X-mount.mkdir 0 0
`;

/**
 * /init of the initrd: load what reaches the disks, find the root among them, go there. While there is no
 * /sbin/modprobe the kernel's own requests for modules, which would find nothing here, fail at once: without KVM each of
 * a dozen would take a tenth of a second.
 */
export function initrdScript({ uuid, sectors, modules }: ScriptFacts): string {
  return `#!/bin/sh
# The appliance of guestfs: loads drivers, finds the root filesystem, mounts it and goes on there.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -a -T /etc/fstab
read -r words </proc/cmdline
root=${uuid}
device= drives=1 ordered= own=
for word in $words; do
  case $word in
  root=UUID=*) root=\${word#root=UUID=} ;;
  root=/dev/*) device=\${word#root=} ;;
  guestfs_verbose=1) set -x ;;
  guestfs_drives=*) drives=\${word#guestfs_drives=} ;;
  guestfs_ordered=1) ordered=1 ;;
  guestfs_control=*) own=1 ;;
  esac
done
${INITRD_LOADER} -q -a ${modules.join(' ')}
for entry in /sys/bus/virtio/devices/*; do
  read -r kind <"$entry/device" || continue
  [ "$kind" = 0x0002 ] && ${INITRD_LOADER} -q virtio_blk && break
done

# Wait a little: the first times without starting a program.
pause() {
  tries=$((tries + 1))
  [ $tries -lt 100 ] || sleep 0.01
}

# Name of the disk at a SCSI target, when there is one.
disk_at() {
  for entry in /sys/bus/scsi/devices/*:0:"$1":0/block/*; do
    [ -d "$entry" ] && disk=\${entry##*/} && return
  done
  return 1
}

# Have the hosts look for a disk at a target; true if one answers.
look_at() {
  for host in /sys/class/scsi_host/host*; do echo "0 $1 0" >"$host/scan"; done
  for entry in /sys/bus/scsi/devices/*:0:"$1":0; do [ -d "$entry" ] && return; done
  return 1
}

# A look at a target that is empty takes a millisecond without KVM, and there are 256 of them.
target=0
if [ -n "$own" ]; then
  # The library has the root as the last target. A person reads the kernel's names of the disks, which are in the order
  # in which they are found.
  while [ $((target + 1)) -lt "$drives" ]; do
    tries=0
    look_at $target && [ -n "$ordered" ] && until disk_at $target || [ $tries -gt 600 ]; do pause; done
    target=$((target + 1))
  done
  tries=0
  look_at 255 && until disk_at 255 || [ $tries -gt 600 ]; do pause; done
  [ -n "$disk" ] && device=/dev/$disk
else
  while look_at $target; do target=$((target + 1)); done
fi

# The UUID of an ext filesystem on a device, as 32 hexadecimal digits.
uuid_of() {
  set -- $(od -An -v -tx1 -j1128 -N16 "$1" 2>/dev/null)
  IFS=
  echo "$*"
  unset IFS
}
hex=
rest=$root
while [ -n "$rest" ]; do
  hex=$hex\${rest%%-*}
  case $rest in *-*) rest=\${rest#*-} ;; *) rest= ;; esac
done

# Devices of the root's size are looked at first; after a while all targets are looked for, and any device is.
find_root() {
  for block in /sys/block/*; do
    read -r size <"$block/size" || continue
    [ "$1" = any ] || [ "$size" = ${sectors} ] || continue
    [ "$size" -gt 0 ] || continue
    [ "$(uuid_of "/dev/\${block##*/}")" = "$hex" ] || continue
    device=/dev/\${block##*/}
    return 0
  done
  return 1
}
tries=0
which=sized
while [ ! -b "$device" ] && ! find_root $which; do
  pause
  if [ $tries = 200 ]; then
    which=any
    for host in /sys/class/scsi_host/host*; do echo "- - -" >"$host/scan"; done
  fi
  if [ $tries -gt 700 ]; then
    echo "guestfs: no disk with the root filesystem $root was found"
    echo /sys/block/*
    echo o >/proc/sysrq-trigger
    sleep 60
  fi
done
# Programs are large and read from the beginning to the end.
echo 1024 >"/sys/block/\${device##*/}/queue/read_ahead_kb"
mount -i -n -t ext4 -o ro "$device" /root
exec switch_root /root /init
echo "guestfs: the root filesystem cannot be started"
`;
}

/** /init of the root: prepare the system as the words say, run the daemon, end the machine. */
export const ROOT_SCRIPT = `#!/bin/sh
# The appliance of guestfs: prepares the system and runs the daemon; when that ends, the machine ends.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
HOME=/root
LANG=C.UTF-8
LVM_SYSTEM_DIR=/run/lvm
export PATH HOME LANG LVM_SYSTEM_DIR
read -r words </proc/cmdline
guestfs_channel= guestfs_control= guestfs_drives= guestfs_identifier= guestfs_network= guestfs_noreboot=
guestfs_rescue= guestfs_verbose= console= selinux=
for word in $words; do
  case $word in
  guestfs_*=* | selinux=* | TERM=* | console=*)
    name=\${word%%=*}
    value=\${word#*=}
    case $name in *[!A-Za-z0-9_]*) continue ;; esac
    eval "$name=\\$value"
    ;;
  esac
done
export TERM
[ "$guestfs_verbose" = 1 ] && set -x
# Every program that is started costs time without KVM: what the shell can do itself it does.
umask 022
[ "$selinux" = 1 ] && mount -t selinuxfs selinuxfs /sys/fs/selinux
while read -r line; do echo "$line"; done </etc/lvm/lvm.conf >/run/lvm/lvm.conf
[ -n "$guestfs_identifier" ] && echo "$guestfs_identifier" >/proc/sys/kernel/hostname

# Path of a virtio-serial port by its name.
port() {
  for entry in /sys/class/virtio-ports/*; do
    read -r name <"$entry/name" || continue
    [ "$name" = "$1" ] && echo "/dev/\${entry##*/}" && return
  done
}

# Wait until every disk that the SCSI hosts have found has its device, and until there are as many as stated.
wait_drives() {
  tries=0
  while [ $tries -lt 600 ]; do
    found=0
    waits=
    for entry in /sys/bus/scsi/devices/[0-9]*:*; do
      read -r type <"$entry/type" || continue
      [ "$type" = 0 ] || continue
      found=$((found + 1))
      [ -d "$entry/block" ] || waits=1
    done
    for entry in /sys/block/vd*; do [ -d "$entry" ] && found=$((found + 1)); done
    [ -z "$waits" ] && [ $found -ge "\${1:-0}" ] && return
    tries=$((tries + 1))
    # The first times without starting a program.
    [ $tries -lt 100 ] || sleep 0.01
  done
}

# Assemble and activate what the disks hold, for a person: the daemon does it by itself. Looking first is quicker than
# starting tools that find nothing.
activate() {
  types=$(blkid -c /dev/null -o value -s TYPE 2>/dev/null)
  case $types in *linux_raid_member*) mdadm -As --auto=yes --run ;; esac
  case $types in *LVM2_member* | *linux_raid_member*) lvm vgchange -aay --sysinit ;; esac
  [ -e /usr/bin/ldmtool ] && case $types in *LDM*) ldmtool create all ;; esac
  return 0
}

# What qemu's own network gives to its only machine.
known_address() {
  ip address add 169.254.2.15/16 dev "$1"
  ip route add default via 169.254.2.2
  echo nameserver 169.254.2.3 >/run/resolv.conf
}

network() {
  modprobe -q -a virtio_net af_packet
  ip link set lo up
  for entry in /sys/class/net/*; do
    name=\${entry##*/}
    [ "$name" = lo ] && continue
    ip link set "$name" up
    if [ -n "$guestfs_control" ]; then
      known_address "$name"
    elif command -v udhcpc >/dev/null; then
      udhcpc -q -n -i "$name"
    elif command -v dhclient >/dev/null; then
      dhclient -1 -lf /run/dhclient.leases -pf /run/dhclient.pid "$name"
    else
      known_address "$name"
    fi
  done
}

# The console as a device: the last that the words name.
console=\${console%%,*}
tty=/dev/\${console:-console}

# A shell on the console for a person.
person() {
  [ -e /bin/bash ] && shell=bash || shell=sh
  # Whatever a shell starts in the background ignores Ctrl-C, and hands that on.
  signals=
  env --default-signal=INT,QUIT true 2>/dev/null && signals='env --default-signal=INT,QUIT'
  cd /root
  PS1='><rescue> ' $signals setsid -c "$shell" -i <>"$tty" >&0 2>&0
  cd /
}

# Unmount every disk but the root, the last that was mounted first.
unmount_disks() {
  places=
  while read -r device place rest; do
    case $device in /dev/*) [ "$place" = / ] || places="$place $places" ;; esac
  done </proc/mounts
  for place in $places; do umount "$(printf '%b' "$place")"; done
}

rescue() {
  activate >/dev/null 2>&1
  stty -F "$tty" sane iutf8 rows "$1" cols "$2"
  person
  unmount_disks 2>/dev/null
  sync
  echo ended
}

# Serves a library that has its own line into the machine: \`shell ROWS COLUMNS\` for a person, \`size ROWS COLUMNS\` when
# the person's terminal has another size.
serve_control() {
  while read -r command rows columns; do
    case $command in
    shell) rescue "$rows" "$columns" & ;;
    size) stty -F "$tty" rows "$rows" cols "$columns" ;;
    esac
  done
}

[ "$guestfs_network" = 1 ] && network
# A machine that is saved has the time to load what others load when they need it.
[ -n "$guestfs_control" ] && [ -z "$guestfs_drives" ] && modprobe -q -a dm_mod virtio_blk
wait_drives "$guestfs_drives"
control=
[ -n "$guestfs_control" ] && control=$(port "$guestfs_control")
[ -n "$control" ] && { serve_control <>"$control" >&0 2>/dev/console & }
channel=$guestfs_channel
[ -z "$channel" ] && channel=/dev/virtio-ports/org.libguestfs.channel.0
case $channel in /dev/virtio-ports/*) [ -e "$channel" ] || channel=$(port "\${channel#/dev/virtio-ports/}") ;; esac
cd /
daemon() {
  node /usr/lib/guestfs/start.cjs --machine --channel "$channel" \${guestfs_verbose:+-v} \${guestfs_network:+-n}
}
if [ "$guestfs_rescue" = 1 ]; then
  # The library waits for the daemon; the person wants the shell, and the machine ends with it.
  daemon &
  activate
  person
  unmount_disks
else
  daemon
fi
sync
if [ "$guestfs_noreboot" = 1 ]; then
  while :; do sleep 1000; done
fi
echo b >/proc/sysrq-trigger
sleep 60
`;

/** What LVM is told: there is no udev, and nothing of the machine is kept. */
export const LVM_CONFIG = `devices { obtain_device_list_from_udev = 0 external_device_info_source = "none" use_devicesfile = 0 scan_lvs = 0 }
activation { udev_sync = 0 udev_rules = 0 verify_udev_operations = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
global { use_lvmlockd = 0 use_lvmpolld = 0 event_activation = 0 etc = "/etc" locking_dir = "/run/lock/lvm" }
log { syslog = 0 }
`;
