import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '../../crypto/random.ts';
import type { Handle } from './handle.ts';
import { hostName, withTemporaryFolder } from './temporary.ts';
import { ToolError } from './usage-error.ts';

async function fingerprint(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Edit a host copy and hand it to `upload` if it was changed; returns whether it was. If the upload fails the copy
 * stays, and the message says where: a person's typing is not thrown away.
 */
export async function editCopy(
  name: string,
  edit: (file: string) => void | Promise<void>,
  download: (file: string) => Promise<void>,
  upload: (file: string) => Promise<void>,
): Promise<boolean> {
  let failed = false;
  return withTemporaryFolder(
    async (folder) => {
      const file = join(folder, hostName(name));
      await download(file);
      const before = await fingerprint(file);
      await edit(file);
      if ((await fingerprint(file)) === before) return false;
      try {
        await upload(file);
        return true;
      } catch (error) {
        failed = true;
        throw new ToolError(
          `${error instanceof Error ? error.message : String(error)}\nwhat you edited is kept in ${file}`,
        );
      }
    },
    () => failed,
  );
}

/**
 * Change a file of the guest: a host copy is edited, goes up beside the old file, gets its owner, mode, times of no
 * interest aside, and extended attributes (labels of SELinux among them), and takes its place in one step. A link is
 * followed and stays. With `backup` the old file stays under its name with that added. Returns whether it was changed.
 */
export async function editGuestFile(
  handle: Handle,
  path: string,
  edit: (file: string) => void | Promise<void>,
  { backup }: { backup?: string } = {},
): Promise<boolean> {
  const real = await handle.realpath(path);
  return editCopy(
    path,
    edit,
    (file) => handle.download(real, file),
    async (file) => {
      const slash = real.lastIndexOf('/');
      const fresh = `${real.slice(0, slash + 1)}.${real.slice(slash + 1)}.${randomLetters()}`;
      try {
        await handle.upload(file, fresh);
        await handle.copyAttributes(real, fresh, { all: true });
        if (backup !== undefined) await handle.cpA(real, real + backup);
        await handle.mv(fresh, real);
      } catch (error) {
        await handle.rmF(fresh).catch(() => undefined);
        throw error;
      }
    },
  );
}

function randomLetters(): string {
  return Buffer.from(randomBytes(8)).toString('hex');
}
