import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Use a new folder of the machine, which is removed afterwards with everything in it. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'guestfs-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 1 });
  }
}
