import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { clockMilliseconds } from '../../bytes/clock.ts';
import { randomBytes } from '../../crypto/random.ts';
import { ToolError, UsageError } from '../common/usage-error.ts';
import { rewriteLines, type CustomizeContext } from './context.ts';

/** How an account may log in. */
export type PasswordSelector =
  | { kind: 'password'; password: string }
  | { kind: 'random' }
  | { kind: 'disabled' }
  /** The account is locked; what `behind` says is stored behind the lock. */
  | { kind: 'locked'; behind: PasswordSelector | undefined };

/** `file:NAME`, `password:TEXT`, `random`, `disabled`, `locked`, `locked:...`. Throws UsageError, ToolError. */
export function parsePasswordSelector(text: string): PasswordSelector {
  const [, kind = '', rest] = /^([a-z]+)(?::([^]*))?$/.exec(text) ?? [];
  if (kind === 'random' && rest === undefined) return { kind: 'random' };
  if (kind === 'disabled' && rest === undefined) return { kind: 'disabled' };
  if (kind === 'password' && rest !== undefined) return { kind: 'password', password: rest };
  if (kind === 'file' && rest !== undefined) return { kind: 'password', password: firstLine(rest) };
  if (kind === 'locked') {
    const behind = rest === undefined ? undefined : parsePasswordSelector(rest);
    if (behind?.kind !== 'locked') return { kind: 'locked', behind };
  }
  throw new UsageError(
    `'${kind || text}' is no way to set a password; expected password:TEXT, file:FILE, random, disabled or locked`,
  );
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw new ToolError(`cannot read the password from ${file}: ${(error as Error).message}`);
  }
}

/** Letters and digits that are not easily taken for each other. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const SALT_LETTERS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** So many letters out of an alphabet, each as likely as any other. */
function randomText(alphabet: string, length: number): string {
  let text = '';
  const most = 256 - (256 % alphabet.length);
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < most && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** A password as /etc/shadow stores it, by the SHA-crypt method. */
async function hashPassword(password: string, method: 'sha256' | 'sha512'): Promise<string> {
  const { encrypt } = await import('unixcrypt');
  return encrypt(password, `$${method === 'sha512' ? 6 : 5}$${randomText(SALT_LETTERS, 16)}`);
}

/** What stands in front of a locked account's password, and for one that nobody can enter. */
const LOCK = '!!';
const NO_PASSWORD = '*';

async function shadowField(
  context: CustomizeContext,
  user: string,
  selector: PasswordSelector,
  old: string,
): Promise<string> {
  switch (selector.kind) {
    case 'password':
      return hashPassword(selector.password, context.passwordCrypto);
    case 'random': {
      const password = randomText(LETTERS, 16);
      context.say(`The password of ${user} is: ${password}`);
      return hashPassword(password, context.passwordCrypto);
    }
    case 'disabled':
      return NO_PASSWORD;
    case 'locked': {
      const behind =
        selector.behind === undefined
          ? old.replace(/^!+/, '')
          : await shadowField(context, user, selector.behind, old);
      return LOCK + behind;
    }
  }
}

const SHADOW = '/etc/shadow';
const SECONDS_OF_DAY = 86_400_000;

/** Set the password of an account that is there. Throws ToolError where it is not. */
export async function setPassword(
  context: CustomizeContext,
  user: string,
  selector: PasswordSelector,
): Promise<void> {
  const lines = await context.handle.readLines(SHADOW);
  const entry = lines.find((line) => line.split(':')[0] === user);
  if (entry === undefined) throw new ToolError(`there is no account ${user} in the guest's ${SHADOW}`);
  const field = await shadowField(context, user, selector, entry.split(':')[1] ?? '');
  await rewriteLines(context, SHADOW, (all) =>
    all.map((line) => {
      if (line !== entry) return line;
      const fields = line.split(':');
      fields[1] = field;
      // Else an old date might make the new password one that has run out.
      fields[2] = String(Math.floor(clockMilliseconds() / SECONDS_OF_DAY));
      return fields.join(':');
    }),
  );
}

/** An account of the guest's /etc/passwd. Throws ToolError where it is not there. */
async function findAccount(
  { handle }: CustomizeContext,
  user: string,
): Promise<{ uid: number; gid: number; home: string }> {
  for (const line of await handle.readLines('/etc/passwd')) {
    const [name, , uid, gid, , home] = line.split(':');
    if (name === user) return { uid: Number(uid), gid: Number(gid), home: home ?? '/' };
  }
  throw new ToolError(`there is no account ${user} in the guest's /etc/passwd`);
}

const KEY_FILES = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'];

/** `USER`, `USER:file:NAME`, `USER:string:KEY`: the user and the public key. Throws UsageError, ToolError. */
export function parseSshSelector(text: string): { user: string; key: string } {
  const match = /^([^:]+)(?::(file|string):([^]*))?$/.exec(text);
  if (match === null) {
    throw new UsageError(`--ssh-inject ${text}: expected USER, USER:file:FILE or USER:string:KEY`);
  }
  const [, user = '', kind, value = ''] = match;
  if (kind === 'string') return { user, key: value.trim() };
  const places = kind === 'file' ? [value] : KEY_FILES.map((name) => join(homedir(), '.ssh', name));
  for (const place of places) {
    try {
      return { user, key: readFileSync(place, 'utf8').trim() };
    } catch (error) {
      if (kind === 'file') throw new ToolError(`cannot read the key ${place}: ${(error as Error).message}`);
    }
  }
  throw new ToolError(
    `--ssh-inject ${user}: you have no public key (${places.join(', ')}); name one: ${user}:file:FILE`,
  );
}

/** Let the owner of a key log in as a user of the guest. */
export async function injectSshKey(context: CustomizeContext, user: string, key: string): Promise<void> {
  const { handle } = context;
  const { uid, gid, home } = await findAccount(context, user);
  const folder = `${home.replace(/\/+$/, '')}/.ssh`;
  const file = `${folder}/authorized_keys`;
  if (!(await handle.isDir(home, { followsymlinks: true }))) {
    throw new ToolError(`${user}: the home directory ${home} is not there`);
  }
  if (!(await handle.exists(folder))) {
    await handle.mkdir(folder);
    await handle.chmod(0o700, folder);
    await handle.chown(uid, gid, folder);
    context.made(folder);
  }
  const fresh = !(await handle.exists(file));
  await rewriteLines(context, file, (lines) => (lines.includes(key) ? lines : [...lines, key]));
  if (fresh) {
    await handle.chmod(0o600, file);
    await handle.chown(uid, gid, file);
  }
}
