/**
 * Every question of golden/questions.txt, answered by this daemon and compared with what a stock guestfish printed
 * about the same image.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { actionEntry, actionNames, camelCase } from '../../actions/table.ts';
import { memoryDevice } from '../../block/memory.ts';
import { GuestfsError } from '../../errors/index.ts';
import { openExt4 } from '../../filesystems/ext4/index.ts';
import { fakePlatform } from '../../../test/support/fake-platform.ts';
import { fishResult } from '../../../test/support/fish-result.ts';
import { cpioMembers, tarMembers } from '../../../test/support/read-archives.ts';
import { goldenQuestions, type GoldenQuestion } from '../../../test/support/golden-questions.ts';
import { Daemon } from '../daemon.ts';
import { archiveActions } from './archive.ts';
import { checksumActions } from './checksum.ts';
import { directoryActions } from './directory.ts';
import { initrdActions } from './initrd.ts';
import { readActions } from './read.ts';
import { statActions } from './stat.ts';
import { textActions } from './text.ts';
import { transferActions } from './transfer.ts';
import { writeActions } from './write.ts';
import { xattrActions } from './xattr.ts';

const folder = join(import.meta.dirname, 'golden');
const image = gunzipSync(readFileSync(join(folder, 'files.img.gz')));
const device = memoryDevice(image, { writable: false });
const actions = {
  ...archiveActions,
  ...checksumActions,
  ...directoryActions,
  ...initrdActions,
  ...readActions,
  ...statActions,
  ...textActions,
  ...transferActions,
  ...writeActions,
  ...xattrActions,
};
const { platform } = fakePlatform({ '/': openExt4(device) }, { '/dev/sda': device });
const daemon = new Daemon(platform, { warn() {}, progress() {}, checkCancelled() {} }, actions);

/** Commands whose answer is not that of the stock 1.48.6, and why. */
const INSIDE = 'stock runs ls outside of the guest and shows the path there';
const MORE = 'stock reads gzip only';
const DIFFERENT: Record<string, string> = {
  'll /dir/b': INSIDE,
  'll /labelled': INSIDE,
  'llz /labelled': INSIDE,
  'llz /lines': INSIDE,
  'll /': "stock shows its appliance's directory as the parent of the root",
  'readdir /dir': 'order is that of the directory, here as stored and there by hash',
  'glob-expand /d*/[!ab]': 'stock takes a character beyond ASCII for several',
  df: "stock lists its appliance's filesystems too, and their mount points outside of the guest",
  'df-h': "stock lists its appliance's filesystems too, and their mount points outside of the guest",
  'file-architecture /main.zst': 'stock does not know zstd',
  'file-architecture /combo.gz': 'stock looks at the first archive only',
  'checksums-out sha256 /dir/dlink OUT/sha256': 'stock sums its own empty input where there is no file',
  'file /main.zst': 'the appliance had no zstd program',
  'hexdump /dir': 'stock answers nothing for a directory instead of failing',
  'tar-out / OUT/zst.tzst compress:zstd': 'newer than 1.48',
  'compress-out compress /seq OUT/seq.Z': 'the appliance had no compress program',
  'initrd-list /main.cpio': MORE,
  'initrd-list /main.xz': MORE,
  'initrd-list /main.zst': MORE,
  'initrd-list /main.lz4': MORE,
  'initrd-list /main.bz2': MORE,
  'initrd-list /main.lzma': MORE,
  'initrd-list /combo.gz': MORE,
  'initrd-list /combo.zst': MORE,
  'initrd-list /combo.plain': MORE,
  'initrd-cat /main.gz etc/y': 'links are followed here',
  'initrd-cat /main.gz /etc/x': 'a leading slash does no harm here',
  'initrd-cat /main.cpio etc/x': MORE,
  'initrd-cat /main.xz etc/x': MORE,
  'initrd-cat /combo.gz early/f': MORE,
  'initrd-cat /combo.gz etc/x': MORE,
};

/** Compressed forms that are checked where the compressors are. */
const UNCOMPARED = new Set(['lzop.tzo', 'seq.lzo', 'sda.bz2']);

/** What stock wrote for the questions with OUT, by name; its order of names is that of a hash. */
const stockFiles = new Map<string, Buffer>();
{
  const bytes = gunzipSync(readFileSync(join(folder, 'stock.tar.gz')));
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    stockFiles.set(name.slice(2), bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** How the files are compared whose bytes may differ. */
function comparable(name: string, bytes: Buffer): unknown {
  if (/\.(gz|tgz)$/.test(name))
    return comparable(name.replace(/\.t?gz$/, name.endsWith('tgz') ? '.tar' : ''), gunzipSync(bytes));
  if (name.endsWith('.tar')) return tarMembers(bytes);
  if (/cpio$|crc$/.test(name) && bytes.toString('latin1', 0, 5) === '07070') return cpioMembers(bytes);
  if (/^(find0|ls0)/.test(name)) return bytes.toString('latin1').split('\0').sort();
  if (/^(md5|crc|sha256)$/.test(name)) return bytes.toString('latin1').split('\n').sort();
  return bytes;
}

function entryOf(word: string): NonNullable<ReturnType<typeof actionEntry>> {
  const name = word.replaceAll('-', '_').replace(/_opts$/, '');
  const entry = actionEntry(name) ?? actionNames.map(actionEntry).find((one) => one?.aliases?.includes(word));
  assert.ok(entry, `${word} is a known command`);
  return entry;
}

function ask(question: GoldenQuestion): { text: string; output: Buffer } {
  const [command = '', ...words] = question.words;
  const entry = entryOf(command);
  const args: unknown[] = [];
  for (const parameter of entry.args) {
    const word = words.shift() ?? '';
    if (parameter.type === 'FileOut') continue;
    if (parameter.type === 'StringList') args.push(word.split(' '));
    else if (parameter.type === 'Int' && command === 'umask') args.push(parseInt(word, 8));
    else if (parameter.type === 'Int' || parameter.type === 'Int64') args.push(Number(word));
    else args.push(word);
  }
  const options: Record<string, unknown> = {};
  for (const word of words) {
    const [key = '', value = ''] = word.split(/:(.*)/s);
    const option = entry.optargs.find(({ name }) => name === key);
    assert.ok(option, `${key} is an option of ${entry.name}`);
    if (option.type === 'Bool') options[camelCase(key)] = value === 'true';
    else if (option.type === 'Int') options[camelCase(key)] = Number(value);
    else options[camelCase(key)] = option.type === 'StringList' ? value.split(' ') : value;
  }
  const parts: Uint8Array[] = [];
  const output = { write: (chunk: Uint8Array) => void parts.push(Uint8Array.from(chunk)) };
  const result = daemon.call(entry.name, args, options, { output });
  return { text: fishResult(entry, result), output: Buffer.concat(parts) };
}

function attempt(question: GoldenQuestion): { text: string; output: Buffer; error: string | undefined } {
  try {
    return { ...ask(question), error: undefined };
  } catch (failure) {
    if (!(failure instanceof GuestfsError) || failure.code === 'EFAULT') throw failure;
    return { text: '', output: Buffer.alloc(0), error: failure.message };
  }
}

for (const question of goldenQuestions(folder)) {
  test(question.command, (context) => {
    const { text, output, error } = attempt(question);
    const difference = DIFFERENT[question.command];
    if (difference !== undefined) {
      context.diagnostic(`differs on purpose: ${difference}`);
      if (!question.command.includes('OUT')) {
        assert.notDeepEqual([text, error === undefined], [question.answer, question.error === undefined]);
      }
      return;
    }
    if (question.error !== undefined) {
      assert.ok(error !== undefined, `stock fails with ${question.error}, this gave ${text.slice(0, 200)}`);
      return;
    }
    assert.equal(error, undefined);
    assert.equal(text, question.answer);
    const file = /OUT\/(\S+)/.exec(question.command)?.[1];
    if (file === undefined || UNCOMPARED.has(file)) return;
    const expected = stockFiles.get(file);
    assert.ok(expected, `stock wrote ${file}`);
    assert.deepEqual(comparable(file, output), comparable(file, expected));
  });
}
