import assert from 'node:assert/strict';
import { run } from './tools.ts';

/** What `qemu-img check` counts. Fails where it finds anything wrong, and leaks too unless they are allowed. */
export function checkQcow2(path: string, leaks = false): { allocated: number; compressed: number } {
  const found = JSON.parse(run('qemu-img', 'check', '--output=json', '-f', 'qcow2', path)) as Record<
    string,
    number
  >;
  assert.equal(found['check-errors'], 0);
  if (!leaks) assert.equal(found['leaks'] ?? 0, 0, 'leaks');
  assert.equal(found['corruptions'] ?? 0, 0, 'corruptions');
  return { allocated: found['allocated-clusters'] ?? 0, compressed: found['compressed-clusters'] ?? 0 };
}

/** What `qemu-img info` says, of one image. */
export function imageInfo(path: string): Record<string, unknown> {
  return JSON.parse(run('qemu-img', 'info', '--output=json', path)) as Record<string, unknown>;
}

/** Fails unless both images show the same disk. */
export function assertSameDisk(
  [a, formatA]: readonly [path: string, format: string],
  [b, formatB]: readonly [path: string, format: string],
): void {
  assert.match(run('qemu-img', 'compare', '-f', formatA, '-F', formatB, a, b), /identical/);
}

/** Run commands of qemu-io(1) on a qcow2 image. */
export function qemuIo(path: string, ...commands: readonly string[]): void {
  run('qemu-io', '-d', 'unmap', '-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), path);
}
