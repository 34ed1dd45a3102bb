import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { parseNumber } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';

const ZEROES = 1024 * 1024;

/**
 * Make a host file of zeroes and add it as a raw drive.
 *
 * @param full write all blocks; else leave the file sparse.
 */
export async function createSparseDisk(
  shell: Shell,
  file: string,
  sizeText: string,
  full: boolean,
): Promise<void> {
  const size = Number(parseNumber(sizeText, { what: full ? 'alloc: size' : 'sparse: size', bits: 64 }));
  if (!Number.isSafeInteger(size) || size <= 0)
    throw new ShellError(`the size ${sizeText} is not possible for a disk`);
  try {
    const fd = openSync(file, 'w', 0o666);
    try {
      if (full) {
        const zeroes = new Uint8Array(Math.min(size, ZEROES));
        for (let at = 0; at < size; at += zeroes.length) {
          writeSync(fd, zeroes, 0, Math.min(zeroes.length, size - at), at);
        }
      }
      ftruncateSync(fd, size);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new ShellError(`cannot make the disk ${file}: ${(error as Error).message}`);
  }
  await shell.handle.addDrive(file, { format: 'raw' });
}
