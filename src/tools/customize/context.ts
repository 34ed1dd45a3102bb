import type { Handle } from '../common/handle.ts';

/** What the operations of virt-customize work on. */
export interface CustomizeContext {
  readonly handle: Handle;
  /** The guest's root, as inspect_os named it; undefined where filesystems were mounted by hand. */
  readonly root: string | undefined;
  /** Lines that a person should see: a random password. */
  say(line: string): void;
  /** Note a path that is new in the guest, for SELinux. */
  made(path: string): void;
  /** Which crypt(3) method passwords are stored with. */
  passwordCrypto: 'sha256' | 'sha512';
}

/** Replace a text file of the guest; its owner, mode and attributes stay. A file that is not there is made. */
export async function rewriteLines(
  { handle, made }: CustomizeContext,
  path: string,
  change: (lines: string[]) => string[],
): Promise<void> {
  const there = await handle.isFile(path, { followsymlinks: true });
  const lines = there ? await handle.readLines(path) : [];
  const changed = change([...lines]);
  if (there && changed.join('\n') === lines.join('\n')) return;
  await handle.write(path, Buffer.from(changed.map((line) => `${line}\n`).join('')));
  if (!there) made(path);
}

/** Write a file of the guest. */
export async function writeText(context: CustomizeContext, path: string, text: string): Promise<void> {
  const there = await context.handle.exists(path);
  await context.handle.write(path, Buffer.from(text));
  if (!there) context.made(path);
}
