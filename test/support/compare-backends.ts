/** One list of commands on two handles over copies of the same images, and where the answers differ. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { WalkReader } from '../../src/daemon/walk-stream.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { Guestfs } from '../../src/handle/index.ts';
import { XdrReader } from '../../src/rpc/xdr/reader.ts';
import { askHandle } from './ask-handle.ts';
import { cpioMembers, tarMembers } from './read-archives.ts';

/** What a command led to. */
export interface Outcome {
  /** What it printed; undefined where it failed. */
  readonly text?: string;
  readonly code?: string;
  readonly message?: string;
  /** Files that it wrote on the host, by name. */
  readonly files: Readonly<Record<string, unknown>>;
}

/** Two outcomes of a command that differ. */
export interface Difference {
  readonly command: string;
  readonly engine: Outcome;
  readonly appliance: Outcome;
}

/**
 * Run commands one after the other; each outcome is made comparable with that of the same command elsewhere. Where nothing
 * is written (`frozen`), inode numbers and times are compared too.
 */
export async function outcomes(
  g: Guestfs,
  folder: string,
  commands: readonly (readonly string[])[],
  frozen = false,
): Promise<Outcome[]> {
  const all: Outcome[] = [];
  const out = join(folder, 'OUT');
  for (const words of commands) {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    try {
      const text = await askHandle(g, folder, words);
      all.push({ text: comparable(words, text, folder, frozen), files: written(out) });
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      all.push({ code: error.code, message: error.message, files: {} });
    }
  }
  return all;
}

/** Where two runs of the same commands differ. Messages are for people and may differ. */
export function differences(
  commands: readonly string[],
  engine: readonly Outcome[],
  appliance: readonly Outcome[],
): Difference[] {
  return commands.flatMap((command, i) => {
    const [one, other] = [engine[i], appliance[i]];
    if (one === undefined || other === undefined) throw new Error(`${command} was not run`);
    const same =
      one.code === other.code &&
      one.text === other.text &&
      JSON.stringify(one.files) === JSON.stringify(other.files);
    return same ? [] : [{ command, engine: one, appliance: other }];
  });
}

/** Where the number of the device is in a header of cpio's formats newc and crc, and what follows it. */
const CPIO_DEVICE = 62;
const CPIO_RDEV = 78;
const ORDERLESS = /^(find0|ls0|checksums-out|readdir)$/;
const NEVER = /$^/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const LVM_UUID = /\b[0-9A-Za-z]{6}(-[0-9A-Za-z]{4}){5}-[0-9A-Za-z]{6}\b|\b[0-9A-Za-z]{32}\b/g;

/** Without what is drawn by chance or is the time of day. */
function comparable(words: readonly string[], text: string, folder: string, frozen: boolean): string {
  const [command = ''] = words;
  const plain = text
    .replaceAll(folder, '')
    .replace(
      /^(Last (mount|write) time|Last checked|Next check after|Lifetime writes|Filesystem created): .*\n/gm,
      '',
    )
    .replace(/^(Checksum( seed)?|Directory Hash Seed): .*\n/gm, '')
    .replace(/^\s*(st_)?dev: .*\n/gm, '')
    .replace(frozen ? NEVER : /^\s*(st_)?(ino|[acm]time(_n?sec)?): .*\n/gm, '')
    .replace(frozen ? NEVER : /^(fsid|Disk identifier): .*\n/gm, '')
    .replace(/\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d\b/g, 'TODAY')
    .replace(UUID, (uuid) => (/^(1234|0123|0fc6|c12a|8637)/i.test(uuid) ? uuid : 'UUID'));
  if (command === 'get-e2generation' && !frozen) return plain.replace(/^\d+$/m, 'GENERATION');
  if (/^(mkdtemp|mktemp)$/.test(command)) return plain.replace(/[0-9A-Za-z]{6}(\.\w+)?\n$/, 'XXXXXX$1\n');
  if (/^(pvs|vgs|lvs|pvuuid|vguuid|lvuuid|vg.*uuids)/.test(command)) return plain.replace(LVM_UUID, 'UUID');
  return ORDERLESS.test(command) ? sortedStructs(plain) : plain;
}

function sortedStructs(text: string): string {
  return text
    .split(/^\[\d+\] = /m)
    .map((one) => one.replace(/^\s*ino: .*\n/m, ''))
    .toSorted()
    .join('');
}

function written(folder: string): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (existsSync(path)) all[name] = comparableFile(name, readFileSync(path));
  }
  return all;
}

function comparableFile(name: string, bytes: Buffer): unknown {
  // The times of files that were just made make other bytes.
  if (name.startsWith('fresh.')) return bytes.length > 0;
  if (/\.(gz|tgz)$/.test(name)) {
    return comparableFile(name.replace(/\.t?gz$/, name.endsWith('tgz') ? '.tar' : ''), gunzipSync(bytes));
  }
  if (name.endsWith('.tar')) return [...tarMembers(bytes)];
  if (/cpio$|crc$/.test(name) && bytes.toString('latin1', 0, 5) === '07070') {
    return cpioMembers(bytes).map((member) => member.slice(0, CPIO_DEVICE) + member.slice(CPIO_RDEV));
  }
  if (/^(find0|ls0)/.test(name)) return bytes.toString('latin1').split('\0').toSorted();
  if (name === 'dirents') return dirents(bytes);
  if (name === 'walk') return walked(bytes);
  if (/^(md5|crc|sha256)$/.test(name)) return bytes.toString('latin1').split('\n').toSorted();
  // Another order of the members, and a time in the header, make other bytes.
  if (/\.(tzst|tzo|lzo)$/.test(name)) return bytes.length > 0;
  return bytes.toString('latin1');
}

/** Names and types that internal_readdir sends, in order of the names. */
function dirents(bytes: Uint8Array): string[] {
  const reader = new XdrReader(bytes);
  const all: string[] = [];
  while (reader.left > 0) {
    reader.int64('inode');
    const type = String.fromCharCode(reader.int32('type'));
    all.push(`${type} ${reader.string('name')}`);
  }
  return all.toSorted();
}

/** What walk_out says of files, without what tells one disk or time from another. */
function walked(bytes: Uint8Array): unknown[] {
  return [...new WalkReader().push(bytes)].map(({ path, link, stat }) => {
    const { mode, nlink, uid, gid, size } = stat;
    return { path, link, mode, nlink, uid, gid, size };
  });
}

/** A second folder with the same files, one level deep. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyFolder(join(from, entry.name), join(to, entry.name));
    else if (entry.isFile()) copyFileSync(join(from, entry.name), join(to, entry.name));
    else writeFileSync(join(to, entry.name), '');
  }
}
