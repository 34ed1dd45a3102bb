/** One run of a tool, in a folder that holds the disks `a.img` and `b.img`. */
export interface Case {
  name: string;
  argv: readonly string[];
  stdin?: string;
}

const A = ['-a', 'a.img'];
const AB = ['-a', 'a.img', '-a', 'b.img'];
const root = ['-m', '/dev/vg_guest/root', '-m', '/dev/sda1:/boot'];

/** What the stock tools were asked (record.ts), and ours are (compatibility.test.ts). */
export const cases: readonly Case[] = [
  { name: 'fs-plain', argv: ['virt-filesystems', ...AB] },
  { name: 'fs-extra', argv: ['virt-filesystems', ...AB, '--extra'] },
  { name: 'fs-all', argv: ['virt-filesystems', ...AB, '--all'] },
  { name: 'fs-all-long-uuid', argv: ['virt-filesystems', ...AB, '--all', '--long', '--uuid'] },
  { name: 'fs-all-long-h', argv: ['virt-filesystems', ...AB, '--all', '--long', '-h'] },
  { name: 'fs-all-long-csv', argv: ['virt-filesystems', ...AB, '--all', '--long', '--uuid', '--csv'] },
  { name: 'fs-csv', argv: ['virt-filesystems', ...AB, '--csv'] },
  { name: 'fs-long', argv: ['virt-filesystems', ...A, '-l'] },
  { name: 'fs-long-no-title', argv: ['virt-filesystems', ...A, '-l', '--no-title', '--extra'] },
  { name: 'fs-parts', argv: ['virt-filesystems', ...AB, '--parts', '-l'] },
  { name: 'fs-blkdevs', argv: ['virt-filesystems', ...AB, '--blkdevs', '-l'] },
  { name: 'fs-lvm', argv: ['virt-filesystems', ...A, '--lvs', '--vgs', '--pvs', '-l', '-h'] },
  { name: 'fs-wide-70', argv: ['virt-filesystems', ...AB, '--extra', '--parts', '-l', '-h'] },
  { name: 'fs-narrow-7', argv: ['virt-filesystems', '-a', 'b.img', '--extra', '--parts', '-l', '-h'] },
  { name: 'fs-wide-5', argv: ['virt-filesystems', ...A, '--lvs', '-l', '--uuid'] },
  { name: 'fs-wide-73', argv: ['virt-filesystems', ...A, '--extra', '--parts', '-l'] },
  { name: 'df', argv: ['virt-df', ...AB] },
  { name: 'df-h', argv: ['virt-df', '-h', 'a.img', 'b.img'] },
  { name: 'df-i', argv: ['virt-df', '-i', ...A] },
  { name: 'df-csv', argv: ['virt-df', '--csv', ...AB] },
  { name: 'df-i-csv', argv: ['virt-df', '--csv', '-i', '--uuid', ...A] },
  { name: 'df-missing', argv: ['virt-df', '-a', 'missing.img'] },
  { name: 'ls', argv: ['virt-ls', ...A, '/home/user', '/boot'] },
  { name: 'ls-old', argv: ['virt-ls', 'a.img', '/etc'] },
  { name: 'ls-m', argv: ['virt-ls', ...A, '-m', '/dev/sda5', '/'] },
  { name: 'ls-l', argv: ['virt-ls', '-l', ...A, '/home/user'] },
  { name: 'ls-R', argv: ['virt-ls', '-R', ...A, '/home'] },
  { name: 'ls-R-root', argv: ['virt-ls', '-R', ...A, '-m', '/dev/sda5', '/'] },
  { name: 'ls-lR-root', argv: ['virt-ls', '-lR', ...A, '-m', '/dev/sda5', '/', '/lost+found/'] },
  { name: 'ls-lR', argv: ['virt-ls', '-lR', ...A, '/home'] },
  { name: 'ls-lR-h', argv: ['virt-ls', '-lR', '-h', ...A, '/home/user'] },
  { name: 'ls-lR-csv', argv: ['virt-ls', '-lR', '--csv', ...A, '/home'] },
  {
    name: 'ls-lR-extra',
    argv: ['virt-ls', '-lR', '--uids', '--times', '--extra-stats', '--checksum=sha256', ...A, '/home'],
  },
  {
    name: 'ls-lR-extra-csv',
    argv: ['virt-ls', '-lR', '--csv', '--uids', '--time-t', '--extra-stats', '--checksum', ...A, '/home'],
  },
  { name: 'ls-lR-time-t', argv: ['virt-ls', '-lR', '--time-t', '--uids', ...A, '/home/user/deep'] },
  { name: 'ls-csv', argv: ['virt-ls', '--csv', ...A, '/home/user'] },
  { name: 'ls-R-csv', argv: ['virt-ls', '-R', '--csv', ...A, '/home/user'] },
  { name: 'ls-l-csv', argv: ['virt-ls', '-l', '--csv', ...A, '/boot'] },
  { name: 'ls-missing', argv: ['virt-ls', ...A, '/missing', '/boot'] },
  { name: 'ls-file', argv: ['virt-ls', ...A, '/etc/fstab'] },
  { name: 'ls-lR-file', argv: ['virt-ls', '-lR', ...A, '/etc/fstab'] },
  { name: 'cat', argv: ['virt-cat', ...A, '/etc/hostname', '/home/user/short', '/etc/fstab'] },
  { name: 'cat-old', argv: ['virt-cat', 'a.img', '/etc/hostname'] },
  { name: 'cat-missing', argv: ['virt-cat', ...A, '/missing', '/etc/hostname'] },
  { name: 'cat-directory', argv: ['virt-cat', ...A, '/etc'] },
  { name: 'cat-relative', argv: ['virt-cat', ...A, 'etc/hostname'] },
  { name: 'cat-control', argv: ['virt-cat', ...A, '/home/user/control'] },
  { name: 'cat-no-os', argv: ['virt-cat', '-a', 'b.img', '/x'] },
  { name: 'cat-no-file', argv: ['virt-cat', ...A] },
  { name: 'log', argv: ['virt-log', ...A] },
  { name: 'tail-missing', argv: ['virt-tail', ...A, '/missing'] },
  { name: 'copy-out-missing', argv: ['virt-copy-out', ...A, '/missing', '.'] },
  { name: 'inspector', argv: ['virt-inspector', ...A, '--no-icon'] },
  { name: 'inspector-no-apps', argv: ['virt-inspector', 'a.img', '--no-applications'] },
  {
    name: 'fish-read',
    argv: ['guestfish', '--ro', ...AB],
    stdin: `run
mount-options ro /dev/vg_guest/root /
mount-options ro /dev/sda1 /boot
echo = list-filesystems
list-filesystems
echo = list-devices
list-devices
echo = list-partitions
list-partitions
echo = lvs
lvs
echo = lvs-full
lvs-full
echo = vgs-full
vgs-full
echo = pvs-full
pvs-full
echo = mounts
mounts
echo = mountpoints
mountpoints
echo = part-list
part-list /dev/sda
echo = mbr id
part-get-mbr-id /dev/sda 2
echo = bootable
part-get-bootable /dev/sda 1
echo = parttype
part-get-parttype /dev/sdb
echo = cat
cat /home/user/short
echo = cat 2
cat /etc/hostname
echo = read-file
read-file /home/user/short
echo = read-lines
read-lines /home/user/short
echo = head
head-n 3 /home/user/lines
echo = stat
stat /home/user/lines
echo = lstatns
lstatns /home/user/chardev
echo = lstatnslist
lstatnslist /home/user "lines short"
echo = statvfs
statvfs /
echo = ls
ls /home/user
echo = ls0
ls0 /home/user - | tr '\\0' '\\n' | LC_ALL=C sort
echo = find
find /home/
echo = exists
exists /nowhere
echo = is-dir
is-dir /home
echo = filesize
filesize /home/user/lines
echo = getxattr
getxattr /home/user/lines user.colour
echo = getxattrs
getxattrs /home/user/lines
echo = umask
get-umask
echo = readlink
readlink /home/user/link
echo = pread
pread /home/user/short 4 3
echo = hexdump
hexdump /home/user/short
echo = arch
file-architecture /bin/ls
echo = vfs
vfs-type /dev/sda1
vfs-label /dev/sda1
`,
  },
  {
    name: 'fish-inspect',
    argv: ['guestfish', '--ro', ...AB],
    stdin: `run
echo = inspect-os
inspect-os
echo = inspect-get
inspect-get-mountpoints /dev/vg_guest/root | sort
inspect-get-filesystems /dev/vg_guest/root
inspect-get-distro /dev/vg_guest/root
inspect-get-major-version /dev/vg_guest/root
mount-ro /dev/vg_guest/root /
inspect-list-applications2 /dev/vg_guest/root
`,
  },
  {
    name: 'fish-more',
    argv: ['guestfish', '--ro', ...AB],
    stdin: `run
mount-options ro /dev/vg_guest/root /
mount-options ro /dev/sda1 /boot
echo = glob
glob echo /home/user/[ls]*
glob echo /home/user/zz* x
glob cat /etc/host*
-glob cat /nomatch*
echo = readdir
readdir /home/empty | grep -c name
echo = checksum
checksum md5 /etc/hostname
echo = pipe
cat /home/user/lines | tail -1
ls /home | sort -r
echo = download
download /etc/hostname -
echo = supported
supported | grep 'acl yes'
echo = available
-feature-available "lvm2 nosuch"
feature-available lvm2
echo = lvm canonical
is-lv /dev/vg_guest/root
lvm-canonical-lv-name /dev/mapper/vg_guest-root
echo = errors
-cat /missing
-cat /home
-cat relative
-ls /etc/fstab
-mount /dev/sda9 /
-mount-ro /dev/sdb2 /tmp
-stat /missing
-checksum nosuch /etc/fstab
-readlink /etc/fstab
-vfs-type /dev/nosuch
-part-list /dev/sda1
-tar-out /missing -
-download /missing /dev/null
-download /etc/fstab /missing/dir
-upload -<<END /x
line
END
-copy-out /missing .
-copy-out /etc/hostname /missing-dir
-more /missing
-head-n foo /etc/fstab
-write /x y
-write /home/user/lines y
-feature-available
-inspect-get-distro /dev/sda1
-tar-out / - compress:nosuch
-df x
-time cat /etc/hostname
-nosuch
not-a-command
echo not reached
`,
  },
  {
    name: 'fish-i',
    argv: ['guestfish', '--ro', ...A, '-i'],
    stdin: 'mountpoints\nll /home/user\n',
  },
  {
    name: 'fish-commands',
    argv: [
      'guestfish',
      '--ro',
      ...A,
      ...root,
      'cat',
      '/etc/hostname',
      ':',
      'ls',
      '/boot',
      ':',
      'cat',
      '/missing',
      ':',
      'echo',
      'no',
    ],
  },
  { name: 'fish-m-bad', argv: ['guestfish', '--ro', ...A, '-m', '/dev/nosuch', 'ls', '/'] },
  { name: 'fish-i-no-os', argv: ['guestfish', '--ro', '-a', 'b.img', '-i', 'ls', '/'] },
  {
    name: 'fish-x',
    argv: [
      'guestfish',
      '-x',
      '--ro',
      ...A,
      'run',
      ':',
      'vfs-type',
      '/dev/sda1',
      ':',
      'list-partitions',
      ':',
      'part-list',
      '/dev/sda',
      ':',
      'list-filesystems',
    ],
  },
];
