import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestfsError } from '../../errors/index.ts';
import { compareBytes } from '../../vfs/order.ts';
import type { ByteSource } from '../context.ts';
import { collectGarbage } from '../garbage.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { toolsOf, wantMounted, wantNoOption } from '../tools.ts';
import { debugWith } from './internal.ts';

const CHUNK = 256 * 1024;
/** Bytes in a chunk of a stream, as libguestfs sends them. */
const WIRE_CHUNK = 8192;

/** Where the kernel shows the devices that a host shares folders by. */
const SHARED_FOLDERS = '/sys/bus/virtio/drivers/9pnet_virtio';

let folder: string | undefined;

/** Put a file into a folder of the daemon's own, apart from the guest: for programs that debug the daemon. */
function upload(source: ByteSource, name: string, mode: number): void {
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..') {
    throw new GuestfsError('EINVAL', `${JSON.stringify(name)} is no name of a file`);
  }
  folder ??= mkdtempSync(join(tmpdir(), 'guestfs-'));
  const fd = openSync(join(folder, name), 'w', mode & 0o7777);
  try {
    const chunk = new Uint8Array(CHUNK);
    for (let count = source.read(chunk); count > 0; count = source.read(chunk)) {
      for (let done = 0; done < count;) done += writeSync(fd, chunk, done, count - done);
    }
  } finally {
    closeSync(fd);
  }
}

/** What a library asks of a daemon behind its user's back, and what is there for old programs. */
export const internalLinuxActions = {
  internal_upload: (_context, source, name, mode) => upload(source, name, mode),

  internal_exit: () => process.exit(0),

  internal_rhbz914931(_context, source, count) {
    if (count <= 0) throw new GuestfsError('EINVAL', `count is ${count}, expected 1 or more`);
    const chunk = new Uint8Array(WIRE_CHUNK);
    for (let left = count * WIRE_CHUNK; left > 0;) {
      const read = source.read(chunk.subarray(0, left));
      if (read === 0) break;
      left -= read;
    }
    throw new GuestfsError(
      'EIO',
      `this call always fails, here after ${count} chunks of ${WIRE_CHUNK} bytes`,
    );
  },

  debug: debugWith({
    gc: collectGarbage,
    // How libguestfs's virt-rescue mounts /dev, /proc and /sys below what it has mounted.
    sh: (context, words) => toolsOf(context).text('sh', ['-c', words.join(' ')]),
  }),

  debug_upload: (_context, source, name, mode) => upload(source, name, mode),

  list_9p(context) {
    const tools = toolsOf(context);
    if (tools.has('modprobe')) tools.run('modprobe', ['--quiet', '9pnet_virtio'], { accept: [1] });
    if (!existsSync(SHARED_FOLDERS)) return [];
    return readdirSync(SHARED_FOLDERS)
      .map((device) => join(SHARED_FOLDERS, device, 'mount_tag'))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8').replace(/[\0\n]+$/, ''))
      .toSorted(compareBytes);
  },

  mount_9p(context, mounttag, mountpoint, { options }) {
    wantNoOption(mounttag, 'mounttag');
    wantMounted(context);
    const words = ['trans=virtio', ...(options === undefined || options === '' ? [] : [options])];
    const tools = toolsOf(context);
    tools.run('mount', ['-t', '9p', '-o', words.join(','), '--', mounttag, tools.hostPath(mountpoint)], {
      about: { path: mountpoint },
    });
  },
} satisfies Partial<DaemonActions>;
