import { statSync } from 'node:fs';
import { editCopy, editGuestFile } from '../common/edit-file.ts';
import { runProgram } from '../common/run-program.ts';
import { parseNumber } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';

/** More than this is not given to a hex editor unless a part was named. */
const HEX_LIMIT = 100 * 1024 * 1024;

/** `edit`: the changed file takes the place of the old one in one step, with its attributes. */
export async function editFile(shell: Shell, path: string, editor: string): Promise<void> {
  await shell.out.flush();
  await editGuestFile(shell.handle, path, (file) => runProgram(editor, file));
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
    (file) => runProgram(process.env['HEXEDITOR'] ?? 'hexedit', file),
    (file) => handle.downloadOffset(path, file, start, size),
    async (file) => {
      const now = statSync(file).size;
      if (now !== size)
        throw new ShellError(`hexedit: the size may not change (it was ${size}, now it is ${now})`);
      await handle.uploadOffset(file, path, start);
    },
  );
}
