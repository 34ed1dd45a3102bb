// Makes a guest image from nothing: partitions, volumes, filesystems and files. `node examples/make-guest.mjs IMAGE`.
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Guestfs } from 'guestfs';

const packages = [
  ['base-files', '12.4+deb12u11'],
  ['libc6', '2.36-9+deb12u10'],
  ['openssh-server', '1:9.2p1-2+deb12u6'],
];

/** Text files of the guest by path. */
const files = {
  '/etc/os-release':
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
  '/etc/debian_version': '12.11\n',
  '/etc/hostname': 'demo-guest\n',
  '/etc/fstab':
    '/dev/demo/root / ext4 errors=remount-ro 0 1\nLABEL=boot /boot ext4 defaults 0 2\n/dev/demo/swap none swap sw 0 0\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\n',
  '/var/lib/dpkg/status': packages
    .map(
      ([name, version]) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\nDescription: part of the demo\n\n`,
    )
    .join(''),
  '/home/anna/letter.txt': 'Dear reader,\nthis file was written into a logical volume in a qcow2 image.\n',
  '/boot/grub/grub.cfg': 'set timeout=1\n',
};

/** The head of an x86-64 ELF program: enough to tell the guest's architecture. */
function elfHeader() {
  const head = new Uint8Array(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.set([3, 0, 62, 0, 1], 16);
  head.set([64, 0, 56, 0], 52);
  return head;
}

/** Make the image: 1 GiB, of which almost nothing is on the disk of the host. */
export async function makeGuest(image) {
  const g = new Guestfs();
  try {
    await g.diskCreate(image, 'qcow2', 1024 ** 3);
    await g.addDrive(image, { format: 'qcow2' });
    await g.launch();

    await g.partInit('/dev/sda', 'gpt');
    await g.partAdd('/dev/sda', 'p', 2048, 4095);
    await g.partSetGptType('/dev/sda', 1, '21686148-6449-6E6F-744E-656564454649');
    await g.partAdd('/dev/sda', 'p', 4096, 266239);
    await g.partSetName('/dev/sda', 2, 'boot');
    await g.partAdd('/dev/sda', 'p', 266240, -2048);
    await g.partSetGptType('/dev/sda', 3, 'E6D6D379-F507-44C2-A23C-238F2A3DF928');

    await g.pvcreate('/dev/sda3');
    await g.vgcreate('demo', ['/dev/sda3']);
    await g.lvcreate('root', 'demo', 512);
    await g.lvcreate('swap', 'demo', 128);
    await g.mkfs('ext4', '/dev/sda2', { label: 'boot' });
    await g.mkfs('ext4', '/dev/demo/root', { label: 'root' });
    await g.mkswap('/dev/demo/swap', { label: 'swap' });

    await g.mount('/dev/demo/root', '/');
    await g.mkdir('/boot');
    await g.mount('/dev/sda2', '/boot');
    for (const [path, text] of Object.entries(files)) {
      await g.mkdirP(path.slice(0, path.lastIndexOf('/')));
      await g.write(path, text);
    }
    for (const directory of ['/bin', '/dev', '/proc', '/root', '/sys', '/tmp', '/usr/bin'])
      await g.mkdirP(directory);
    await g.write('/bin/ls', elfHeader());
    await g.chmod(0o755, '/bin/ls');
    await g.chown(1000, 1000, '/home/anna/letter.txt');
    await g.lnS('../home/anna/letter.txt', '/root/letter');
  } finally {
    await g.close();
  }
}

if (argv[2] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) await makeGuest(argv[2]);
