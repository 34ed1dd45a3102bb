import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, temporaryFolder } from './tools.ts';

/**
 * A filesystem by mke2fs(8), in memory. `size` as mke2fs takes it; `prepare` gets the image's path and may run other
 * tools on it.
 */
export function makeExt4(
  options: readonly string[],
  size: string,
  prepare: (image: string) => void = () => {},
): Uint8Array {
  const { path, remove } = temporaryFolder();
  try {
    const image = join(path, 'image');
    run('mke2fs', '-q', '-F', ...options, image, size);
    prepare(image);
    return new Uint8Array(readFileSync(image));
  } finally {
    remove();
  }
}

/** Do something with the image as a file, which is removed afterwards. */
export function withImageFile<T>(image: Uint8Array, use: (path: string) => T): T {
  const { path, remove } = temporaryFolder();
  try {
    const file = join(path, 'image');
    writeFileSync(file, image);
    return use(file);
  } finally {
    remove();
  }
}

/** Fails unless e2fsck(8) finds nothing to repair. */
export function assertClean(image: Uint8Array, what: string): void {
  withImageFile(image, (path) => {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-fn', path], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    assert.equal(status, 0, `e2fsck after ${what}:\n${stdout.slice(0, 3000)}\n${stderr.slice(0, 1000)}`);
  });
}

/** What debugfs(8) answers to a request. */
export function askDebugfs(path: string, request: string): string {
  return run('debugfs', '-R', request, path);
}

/** A generator of numbers below a bound that is the same for the same seed. */
export function dice(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 48271) % 2147483647;
    return Math.floor((state / 2147483647) * bound);
  };
}
