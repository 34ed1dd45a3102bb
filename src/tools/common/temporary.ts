import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Run `body` with a new folder that only we can enter, and remove it, unless `keep` says that it must stay. */
export async function withTemporaryFolder<T>(
  body: (folder: string) => Promise<T>,
  keep: () => boolean = () => false,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'guestfish-'));
  try {
    return await body(folder);
  } finally {
    if (!keep()) rmSync(folder, { recursive: true, force: true });
  }
}

/** A name for the host copy of a guest file: programs look at its end; anything odd is left out. */
export function hostName(path: string): string {
  const name = (path.split('/').at(-1) ?? '').replace(/[^A-Za-z0-9._-]/g, '_');
  return name === '' || /^\.+$/.test(name) ? 'file' : name.slice(-100);
}
