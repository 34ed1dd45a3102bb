/**
 * The commands of golden/write-questions.txt, run one after the other on the engine and compared with what a stock
 * guestfish said of the same: success or failure, the error's code where its message tells it, and what was printed.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { actionEntry, actionNames, camelCase } from '../../actions/table.ts';
import { GuestfsError } from '../../errors/index.ts';
import { Guestfs } from '../../handle/index.ts';
import { fishResult } from '../../../test/support/fish-result.ts';
import { goldenQuestions, type GoldenQuestion } from '../../../test/support/golden-questions.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { makeWriteInputs, writeDrives } from '../../../test/support/write-inputs.ts';
import { stockDifferences } from './golden/write-differences.ts';

const questions = goldenQuestions(join(import.meta.dirname, 'golden'), 'write-');

/** What strerror says, and the names. */
const CODES: Record<string, string> = {
  'Operation not permitted': 'EPERM',
  'No such file or directory': 'ENOENT',
  'Permission denied': 'EACCES',
  'Device or resource busy': 'EBUSY',
  'File exists': 'EEXIST',
  'Invalid cross-device link': 'EXDEV',
  'Not a directory': 'ENOTDIR',
  'Is a directory': 'EISDIR',
  'Invalid argument': 'EINVAL',
  'File too large': 'EFBIG',
  'No space left on device': 'ENOSPC',
  'Read-only file system': 'EROFS',
  'File name too long': 'ENAMETOOLONG',
  'Directory not empty': 'ENOTEMPTY',
  'Too many levels of symbolic links': 'ELOOP',
  'No data available': 'ENODATA',
  'Operation not supported': 'ENOTSUP',
};

/** The code that a stock message tells, if it does. */
function codeOf(message: string): string | undefined {
  const text = /: ([A-Z][a-z A-Z-]+)\n?$/.exec(message)?.[1];
  return text === undefined ? undefined : CODES[text];
}

function numberOf(word: string): number {
  if (/^0[0-7]+$/.test(word)) return parseInt(word, 8);
  return Number(word);
}

/** Without what no two machines have the same, and the slash that stock leaves in front of what find finds. */
function comparable(command: string, text: string): string {
  return (command.startsWith('find ') ? text.replace(/^\//gm, '') : text)
    .replace(/^(Free \w+|Last (mount|write) time|Last checked|Next check after|Lifetime writes): .*\n/gm, '')
    .replace(/^(Filesystem (created|UUID)|Checksum( seed)?): .*\n/gm, '')
    .replace(' metadata_csum_seed', '')
    .replace(/^st_(dev|ino|blksize|blocks|spare\d|[acm]time_n?sec): .*\n/gm, '')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, (uuid) =>
      /^(1234|0123|0fc6|c12a)/i.test(uuid) ? uuid : 'UUID',
    );
}

type Method = (...args: unknown[]) => Promise<unknown>;

async function ask(g: Guestfs, folder: string, { words }: GoldenQuestion): Promise<string> {
  const [command = '', ...rest] = words.map((word) => word.replace(/^(IN|OUT)\//, `${folder}/$1/`));
  const name = command.replaceAll('-', '_').replace(/_opts$/, '');
  const entry =
    actionEntry(name) ?? actionNames.map(actionEntry).find((one) => one?.aliases?.includes(command));
  assert.ok(entry, `${command} is a known command`);
  const args: unknown[] = [];
  for (const { type, opaque } of entry.args) {
    const word = rest.shift() ?? '';
    if (type === 'StringList') args.push(word.split(' '));
    else if (type === 'Int' || type === 'Int64') {
      const number = command === 'umask' && !word.startsWith('-') ? parseInt(word, 8) : numberOf(word);
      args.push(opaque === true ? BigInt(number) : number);
    } else if (type === 'Bool') args.push(word === 'true');
    else if (type === 'BufferIn') args.push(Buffer.from(word));
    else args.push(word);
  }
  const options: Record<string, unknown> = {};
  for (const word of rest) {
    const [key = '', value = ''] = word.split(/:(.*)/s);
    const option = entry.optargs.find((one) => one.name === key);
    assert.ok(option, `${key} is an option of ${entry.name}`);
    if (option.type === 'Bool') options[camelCase(key)] = value === 'true';
    else if (option.type === 'Int' || option.type === 'Int64') options[camelCase(key)] = numberOf(value);
    else options[camelCase(key)] = value;
  }
  const method = (g as unknown as Record<string, Method>)[camelCase(entry.name)] as Method;
  const result = await method.call(g, ...args, ...(entry.optargs.length > 0 ? [options] : []));
  if (entry.ret.type === 'Hashtable') {
    return Object.entries(result as Record<string, string>)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join('');
  }
  return fishResult(entry, result);
}

const differing = new Set<string>();

describe('writing as stock does', { skip: needsTool('mke2fs', 'debugfs', 'tar', 'xz') }, () => {
  const { path, remove } = temporaryFolder();
  const g = new Guestfs();
  before(async () => {
    makeWriteInputs(path);
    for (const { name, readonly } of writeDrives) {
      await g.addDrive(join(path, name), { format: 'raw', readonly });
    }
    await g.launch();
  });
  after(async () => {
    await g.close();
    remove();
  });

  for (const question of questions) {
    test(`${question.number}: ${question.command.slice(0, 80)}`, async (context) => {
      let text = '';
      let failure: GuestfsError | undefined;
      try {
        text = await ask(g, path, question);
      } catch (error) {
        if (!(error instanceof GuestfsError) || error.code === 'EFAULT') throw error;
        failure = error;
      }
      const reason = stockDifferences[question.command];
      const compare = (): void => {
        if (question.error === undefined) {
          assert.equal(failure?.message, undefined);
          assert.equal(comparable(question.command, text), comparable(question.command, question.answer));
          return;
        }
        assert.ok(failure, `stock fails with ${question.error}`);
        const code = codeOf(question.error);
        if (code !== undefined)
          assert.equal(failure.code, code, `${failure.message}; stock: ${question.error}`);
      };
      if (reason === undefined) return compare();
      // A command may be there several times, and differ only once.
      try {
        compare();
      } catch (error) {
        if (!(error instanceof assert.AssertionError)) throw error;
        context.diagnostic(`differs on purpose: ${reason}`);
        differing.add(question.command);
      }
    });
  }

  test('what was written is sound', { skip: needsTool('e2fsck', 'fsck.fat') }, async () => {
    await g.close();
    run('e2fsck', '-fn', join(path, 'sda'));
    run('fsck.fat', '-n', join(path, 'sdc'));
  });

  test('every difference that is listed is one', () => {
    assert.deepEqual(
      Object.keys(stockDifferences).filter((command) => !differing.has(command)),
      [],
    );
  });
});
