import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { logicalVolumeOffset } from '../test/guest/lv-offset.ts';

/** The guest's pieces as the peers need them. */
export interface GuestMounts {
  /** Raw image of the whole disk. */
  raw: string;
  /** The same disk as a compressed qcow2 image. */
  compressed: string;
  /** Raw image of the root filesystem alone. */
  rootRaw: string;
  /** Where the kernel has the root filesystem mounted, read-only. */
  rootMount: string;
  release(): void;
}

/** Convert the guest's image and mount its root with the kernel. Needs root and qemu-img. */
export function mountGuest(image: string, work: string): GuestMounts {
  const raw = join(work, 'disk.raw');
  const compressed = join(work, 'compressed.qcow2');
  const rootRaw = join(work, 'root.raw');
  const rootMount = join(work, 'root');
  mkdirSync(rootMount);
  execFileSync('qemu-img', ['convert', '-O', 'raw', image, raw]);
  execFileSync('qemu-img', ['convert', '-c', '-O', 'qcow2', image, compressed]);
  const { offset, size } = logicalVolumeOffset(raw, 'guest', 'root');
  execFileSync('dd', [
    `if=${raw}`,
    `of=${rootRaw}`,
    'bs=1M',
    'conv=sparse',
    'iflag=skip_bytes,count_bytes',
    `skip=${offset}`,
    `count=${size}`,
    'status=none',
  ]);
  execFileSync('mount', ['-o', 'ro,loop', rootRaw, rootMount]);
  return { raw, compressed, rootRaw, rootMount, release: () => execFileSync('umount', [rootMount]) };
}
