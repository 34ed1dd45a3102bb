/** What is asked of the tools of libguestfs, and what in their answers is random by nature. */

/** Text that differs from run to run whichever appliance serves, with the reason. */
interface Mask {
  pattern: RegExp;
  by: string;
  why: string;
}

export interface Case {
  /** Tools it needs; the first is the one it tries. */
  tools: readonly string[];
  /** A shell command, run in a folder of its own that has copies of `inputs`. */
  command: string;
  /** A module of Perl that it needs. */
  module?: string;
  inputs: readonly string[];
  masks?: readonly Mask[];
  /** Why the outcome differs, where that is known; that it does not any more is a failure. */
  differs?: string;
  /** It runs only where its tool is named, so that a run of all tools stays short. */
  onlyNamed?: true;
}

const ELAPSED: Mask = { pattern: /\[ *\d+\.\d\]/g, by: '[time]', why: 'seconds since the start' };
const SEED: Mask = {
  pattern: /^(\/var\/lib\/(?:urandom\/|systemd\/)?random-seed .*) [0-9a-f]{64}$/gm,
  by: '$1 (random)',
  why: 'the random seed of the guest',
};
const UUID: Mask = {
  pattern: /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi,
  by: '(UUID)',
  why: 'UUIDs of filesystems that the tool makes',
};
const VOLUME: Mask = {
  pattern: /\b\w{6}(-\w{4}){5}-\w{6}\b/g,
  by: '(LVM UUID)',
  why: 'UUIDs of volumes that the tool makes',
};
const SERIAL: Mask = {
  pattern: /(: vfat, label "[^"]*", )[0-9A-F]{4}-[0-9A-F]{4}/g,
  by: '$1(serial)',
  why: 'serial numbers of FAT are made of the time',
};
const FIRSTBOOT: Mask = {
  pattern: /(scripts\/\d{4})-\w+-/g,
  by: '$1-(random)-',
  why: 'names of firstboot scripts have random letters',
};
const MAJOR: Mask = {
  pattern: /\b25[0-4]:(?=\d)|^dev: \d+$/gm,
  by: '(major)',
  why: "the device mapper's major number, which the kernel gives out as modules are loaded",
};
const DISKS =
  'numbers of disks: a kernel looks for them side by side, and may find that of the appliance first';
/** virt-diff lists a file where nothing but the number of its disk is another. */
const RENUMBERED: Mask = {
  pattern: /^- (.*) 8:\d+ (.*)\n\+ \1 8:\d+ \2\n# changed: st_dev\n/gm,
  by: '',
  why: DISKS,
};
const DISK: Mask = { pattern: /\b8:\d+\b/g, by: '(disk)', why: DISKS };
const PARENT: Mask = {
  pattern: /^total \d+\n(d.* \.\n)d.* \.\.$/m,
  by: 'total (n)\n$1(parent) ..',
  why: "`..` of the guest's root, which is the root of libguestfs's appliance there and the guest's own here",
};
const ERRORS: Mask = {
  pattern: /^stderr: .*\n(tar: .*\n)*/m,
  by: 'stderr: (message)\n',
  why: 'the words of a failure; a program said them there, and went on after the first',
};

const GUEST = ['guest.qcow2'];
const CUSTOMIZE = [
  '--write /etc/motd:hello',
  '--mkdir /srv/made/deep',
  '--upload tree/sub/binary:/srv/made/binary',
  '--copy-in tree:/srv',
  '--chmod 0640:/etc/motd',
  '--timezone Europe/Oslo',
  '--delete /etc/debian_version',
  "--append-line '/etc/hosts:10.0.0.1 other'",
  "--edit '/etc/fstab:s/defaults/noatime/'",
  '--link /etc/motd:/etc/issue',
  '--touch /etc/touched',
  '--truncate /var/log/syslog',
  "--firstboot-command 'echo first'",
  "--run-command 'echo ran > /ran; echo spoke; cat /etc/hostname > /seen; umask >> /seen; while read a b c d; do echo $b $c; done < /proc/mounts >> /seen'",
].join(' ');
/** A person at virt-rescue's prompt, who waits for it before he types. */
const RESCUE =
  '(until grep -qs "<rescue>" shown; do sleep 0.2; done; ' +
  'printf "cat /sysroot/etc/hostname > /sysroot/seen; grep -o \\"sysroot[^ ]* [a-z0-9]*\\" /proc/mounts >> /sysroot/seen; exit\\n"; sleep 8) | ' +
  'script -qfec "virt-rescue -e none -i -a guest.qcow2" shown > /dev/null; echo $?; rm shown';

export const CASES: readonly Case[] = [
  {
    tools: ['virt-filesystems'],
    command: 'virt-filesystems --all --long --uuid -a guest.qcow2',
    inputs: GUEST,
  },
  { tools: ['virt-df'], command: 'virt-df --csv -a guest.qcow2', inputs: GUEST },
  { tools: ['virt-inspector'], command: 'virt-inspector -a guest.qcow2', inputs: GUEST },
  { tools: ['virt-cat'], command: 'virt-cat -a guest.qcow2 /etc/fstab /link/hostname', inputs: GUEST },
  {
    tools: ['virt-cat'],
    command: 'virt-cat -a guest.qcow2 -m /dev/group/root /etc/missing',
    inputs: GUEST,
    onlyNamed: true,
  },
  {
    tools: ['virt-ls'],
    command: 'virt-ls -lR --csv --uids --times --extra-stats --checksum=sha256 -a guest.qcow2 /',
    inputs: GUEST,
    masks: [MAJOR, DISK],
  },
  {
    tools: ['virt-ls'],
    command: 'virt-ls -lRh --checksum -a guest.qcow2 -m /dev/group/root /etc',
    inputs: GUEST,
    onlyNamed: true,
  },
  {
    tools: ['virt-ls'],
    command: 'virt-ls -l -a guest.qcow2 -m /dev/group/root / /etc',
    inputs: GUEST,
    onlyNamed: true,
    masks: [PARENT],
  },
  { tools: ['virt-tar-out'], command: 'virt-tar-out -a guest.qcow2 / out.tar', inputs: GUEST },
  {
    tools: ['virt-tar-in'],
    command: 'virt-tar-in -a guest.qcow2 tree.tar /root',
    inputs: [...GUEST, 'tree.tar'],
  },
  {
    tools: ['virt-copy-in'],
    command: 'virt-copy-in -a guest.qcow2 tree tree.tar /root',
    inputs: [...GUEST, 'tree', 'tree.tar'],
  },
  { tools: ['virt-copy-out'], command: 'virt-copy-out -a guest.qcow2 /etc /var/log/syslog .', inputs: GUEST },
  {
    tools: ['virt-edit'],
    command: "virt-edit -b .old -a guest.qcow2 -m /dev/group/root /etc/fstab -e 's/defaults/noatime/'",
    inputs: GUEST,
  },
  {
    tools: ['virt-customize'],
    command: `virt-customize -a guest.qcow2 ${CUSTOMIZE}`,
    inputs: [...GUEST, 'tree'],
    masks: [ELAPSED, SEED, FIRSTBOOT],
  },
  {
    tools: ['virt-customize'],
    command: "virt-customize --no-network -a guest.qcow2 --run-command 'echo before; exit 3'",
    inputs: GUEST,
    onlyNamed: true,
    masks: [ELAPSED, SEED],
  },
  {
    tools: ['virt-customize'],
    command: 'virt-customize --quiet -a guest.qcow2 --hostname renamed.example',
    inputs: GUEST,
    onlyNamed: true,
    masks: [SEED],
    differs: 'for guests with a Debian it calls aug_init, and the actions of Augeas are not there yet',
  },
  {
    tools: ['virt-resize'],
    command: 'truncate -s 256M bigger.img && virt-resize --expand /dev/sda1 data.img bigger.img',
    inputs: ['data.img'],
    masks: [ELAPSED],
  },
  {
    tools: ['virt-resize', 'qemu-img'],
    command:
      'qemu-img create -q -f qcow2 bigger.qcow2 800M && ' +
      'virt-resize --expand /dev/sda2 --LV-expand /dev/group/root guest.qcow2 bigger.qcow2',
    inputs: GUEST,
    onlyNamed: true,
    masks: [ELAPSED],
  },
  {
    tools: ['virt-sparsify'],
    command: 'virt-sparsify data.img sparse.img && test $(du -m sparse.img | cut -f1) -lt 40 && echo sparser',
    inputs: ['data.img'],
    onlyNamed: true,
    masks: [ELAPSED],
  },
  {
    tools: ['virt-sparsify'],
    command: 'virt-sparsify --in-place data.img && test $(du -m data.img | cut -f1) -lt 40 && echo sparser',
    inputs: ['data.img'],
    masks: [ELAPSED],
  },
  {
    tools: ['virt-diff'],
    command: 'virt-diff --all -a guest.qcow2 -A changed.qcow2',
    inputs: [...GUEST, 'changed.qcow2'],
    masks: [MAJOR, RENUMBERED, DISK],
  },
  { tools: ['virt-log'], command: 'virt-log -a guest.qcow2', inputs: GUEST },
  {
    tools: ['virt-make-fs'],
    command: 'virt-make-fs --type=ext4 --label=made --partition=gpt --size=+20M tree made.img',
    inputs: ['tree'],
    masks: [UUID],
  },
  {
    tools: ['virt-make-fs'],
    command:
      'mkdir plain && cp -p tree/sub/binary plain && ' +
      'virt-make-fs --type=vfat --format=qcow2 --partition plain made.qcow2; rm -r plain; ' +
      'virt-make-fs --type=vfat tree.tar failed.img',
    inputs: ['tree', 'tree.tar'],
    onlyNamed: true,
    masks: [SERIAL, ERRORS],
  },
  {
    tools: ['virt-format'],
    command: 'virt-format --partition=gpt --lvm=/dev/made/volume --filesystem=ext4 --label=made -a data.img',
    inputs: ['data.img'],
    masks: [UUID, VOLUME],
  },
  { tools: ['virt-rescue', 'script'], command: RESCUE, inputs: GUEST },
  {
    tools: ['perl'],
    module: 'Sys::Guestfs',
    command:
      'truncate -s 3G wire.img; yes "a line of text" | head -c 1G > big; perl "$INTEROP/wire.pl" wire.img big back; rm big',
    inputs: [],
    masks: [UUID, VOLUME],
  },
  {
    tools: ['guestfish'],
    command:
      'guestfish --ro -i -a guest.qcow2 sh "echo $((6*7)); cat /etc/hostname" : ll /etc : cat /etc/hosts : ' +
      'list-filesystems : vgs : glob echo "/e*/host*" : stat /etc/hosts : mountpoints : file /bin/sh : ' +
      '-cat /etc/missing : hexdump /etc/hostname : part-list /dev/sda',
    inputs: GUEST,
    masks: [MAJOR],
  },
  {
    tools: ['guestfish'],
    command:
      'guestfish --rw -a data.img run : mount /dev/sda1 / : write /a b : rm-rf /kept : mkdir /c : find /',
    inputs: ['data.img'],
    onlyNamed: true,
  },
  {
    tools: ['guestmount', 'guestunmount'],
    command:
      'mkdir mnt && guestmount --ro -i -a guest.qcow2 mnt && ' +
      '(cd mnt; find . -printf "%p %m %n %U:%G %y %l\\n" | sort; cat etc/hosts); guestunmount mnt; rmdir mnt',
    inputs: GUEST,
  },
];
