/** A guest that is no appliance: it runs in a qemu of its own and serves itself with `guestfsd -r`. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedAppliance, daemonBundle } from '../../src/backends/appliance/build/locate.ts';
import { Guestfs } from '../../src/handle/guestfs.ts';
import { run } from './tools.ts';

/** First process of the guest: mounts its disks, and starts the daemon anew where it ends, as a service manager does. */
const INIT = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root
mkdir -p /dev/pts /dev/shm /run/tmp
mount -t devpts devpts /dev/pts
mount -o remount,rw /
mount -t ext4 LABEL=data /mnt
while :; do
  node /usr/lib/guestfs/guestfsd.cjs -r -v
  echo "guestfsd ended with $?"
  sleep 0.1
done
`;

function printed(console: string): string {
  return existsSync(console) ? readFileSync(console, 'latin1') : '';
}

/** A running guest. */
export interface LiveGuest {
  /** Socket of its channel org.libguestfs.channel.0. */
  readonly channel: string;
  /** File with what its console printed. */
  readonly console: string;
  stop(): Promise<void>;
}

/**
 * Start a guest, and wait until its daemon runs: a guest out of kernel, initrd and root of our appliance, with an init of its own and a second disk, which it has mounted
 * on /mnt. Everything is kept in `folder`. Needs what an appliance needs, qemu-img and mke2fs.
 */
export async function startLiveGuest(folder: string): Promise<LiveGuest> {
  const appliance = await cachedAppliance(folder, { daemon: daemonBundle() as string }, () => undefined);
  const [root, data] = [join(folder, 'root.qcow2'), join(folder, 'data.img')];
  run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', join(appliance, 'root'), '-F', 'raw', root);
  writeFileSync(data, '');
  truncateSync(data, 16 * 1024 * 1024);
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'data', data);
  const g = new Guestfs({ environment: false });
  await g.addDrive(root, { format: 'qcow2', backing: 'any' });
  await g.launch();
  await g.mount('/dev/sda', '/');
  await g.write('/init', INIT);
  await g.mkdirP('/mnt');
  await g.write('/etc/motd', 'from the running guest\n');
  await g.close();
  const [channel, console] = [join(folder, 'channel'), join(folder, 'console')];
  const disk = (at: number, file: string, format: string): string[] => [
    `-drive file=${file},format=${format},if=none,id=d${at},cache=unsafe`,
    `-device scsi-hd,drive=d${at},scsi-id=${at}`,
  ];
  const options = [
    '-nodefaults -no-user-config -display none -no-reboot',
    '-machine q35,accel=tcg -cpu max,la57=off -m 512',
    `-kernel ${join(appliance, 'kernel')} -initrd ${join(appliance, 'initrd')} -serial file:${console}`,
    '-device virtio-rng-pci -device virtio-scsi-pci',
    ...disk(0, root, 'qcow2'),
    ...disk(1, data, 'raw'),
    `-device virtio-serial-pci -chardev socket,id=c,path=${channel},server=on,wait=off`,
    '-device virtserialport,chardev=c,name=org.libguestfs.channel.0',
  ];
  const qemu = spawn('qemu-system-x86_64', [
    ...options.flatMap((option) => option.split(' ')),
    '-append',
    'console=ttyS0 quiet mitigations=off',
  ]);
  const ended = new Promise<void>((resolve) => {
    qemu.on('close', () => resolve());
  });
  while (qemu.exitCode === null && !/waiting for a library/.test(printed(console))) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return {
    channel,
    console,
    async stop() {
      qemu.kill('SIGKILL');
      await ended;
    },
  };
}
