import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseNumber } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';
import { hostName, withTemporaryFolder } from './temporary.ts';
import { runProgram } from './view.ts';

/** More than this is not given to a hex editor unless a part was named. */
const HEX_LIMIT = 100 * 1024 * 1024;

async function fingerprint(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Edit a host copy and hand it to `upload` if it was changed. If that fails the copy stays, and the message says
 * where: a person's typing is not thrown away.
 */
async function editCopy(
  name: string,
  program: string,
  download: (file: string) => Promise<void>,
  upload: (file: string) => Promise<void>,
): Promise<void> {
  let failure: unknown;
  await withTemporaryFolder(
    async (folder) => {
      const file = join(folder, hostName(name));
      await download(file);
      const before = await fingerprint(file);
      runProgram(program, file);
      if ((await fingerprint(file)) === before) return;
      try {
        await upload(file);
      } catch (error) {
        failure = error;
        throw new ShellError(
          `${error instanceof Error ? error.message : String(error)}\nwhat you edited is kept in ${file}`,
        );
      }
    },
    () => failure !== undefined,
  );
}

/** `edit`: the changed file goes up beside the old one, gets its attributes, and takes its place in one step. */
export async function editFile(shell: Shell, path: string, editor: string): Promise<void> {
  await shell.out.flush();
  const { handle } = shell;
  await editCopy(
    path,
    editor,
    (file) => handle.download(path, file),
    async (file) => {
      const slash = path.lastIndexOf('/');
      const fresh = `${path.slice(0, slash + 1)}.${path.slice(slash + 1)}.${randomLetters()}`;
      await handle.upload(file, fresh);
      await handle.copyAttributes(path, fresh, { all: true });
      await handle.mv(fresh, path);
    },
  );
}

function randomLetters(): string {
  return Math.random().toString(36).slice(2, 10);
}

/** `hexedit`: the changed bytes are written back where they were. */
export async function hexEdit(shell: Shell, words: readonly string[]): Promise<void> {
  const [path = '', second, third] = words;
  const number = (text: string, what: string): number =>
    Number(parseNumber(text, { what: `hexedit: ${what}`, bits: 64 }));
  const start = third === undefined ? 0 : number(second ?? '0', 'start');
  const { handle } = shell;
  const whole = path.startsWith('/dev/') ? await handle.blockdevGetsize64(path) : await handle.filesize(path);
  const wanted = third ?? second;
  const max = wanted === undefined ? whole : number(wanted, 'max');
  if (wanted === undefined && whole > HEX_LIMIT) {
    throw new ShellError(
      `hexedit: ${path} has ${whole} bytes; say which part to edit: hexedit ${path} START MAX`,
    );
  }
  if (start < 0 || max <= 0 || start >= whole) {
    throw new ShellError(
      `hexedit: the part from ${start}, ${max} bytes, is not inside the ${whole} bytes of ${path}`,
    );
  }
  const size = Math.min(max, whole - start);
  await shell.out.flush();
  await editCopy(
    path,
    process.env['HEXEDITOR'] ?? 'hexedit',
    (file) => handle.downloadOffset(path, file, start, size),
    async (file) => {
      const now = statSync(file).size;
      if (now !== size)
        throw new ShellError(`hexedit: the size may not change (it was ${size}, now it is ${now})`);
      await handle.uploadOffset(file, path, start);
    },
  );
}
