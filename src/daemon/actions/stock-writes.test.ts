/**
 * The commands of golden/write-questions.txt, run one after the other on the engine and compared with what a stock
 * guestfish said of the same: success or failure, the error's code where its message tells it, and what was printed.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GuestfsError } from '../../errors/index.ts';
import { Guestfs } from '../../handle/index.ts';
import { askHandle } from '../../../test/support/ask-handle.ts';
import { goldenQuestions } from '../../../test/support/golden-questions.ts';
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
        text = await askHandle(g, path, question.words);
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
