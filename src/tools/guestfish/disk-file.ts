import { parseNumber } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';

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
  // Not with plain system calls: a disk of that name may be in use, which disk_create looks at.
  await shell.handle.diskCreate(file, 'raw', size, { preallocation: full ? 'full' : 'sparse' });
  await shell.handle.addDrive(file, { format: 'raw' });
}
