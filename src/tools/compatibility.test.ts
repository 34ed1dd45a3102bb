import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runTools, type RunResult } from '../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { cases } from './golden/cases.ts';

/** Where our exit status is another one on purpose. */
const STATUS: Readonly<Record<string, number>> = {
  // A file is as good a place to begin as a directory; stock prints it too, and then fails.
  'ls-lR-file': 0,
};

/** What depends on the machine that the guest runs in, not on the disk: device numbers, mount flags, seeds. */
function comparable(text: string): string {
  return (
    text
      .replace(/^( *(?:dev|st_dev|flag): ).*$/gm, '$1*')
      .replace(/([ ,])\d+:\d+([ ,]\d+[ ,]\d+[ ,]\d+:\d+[ ,])/g, '$1*$2')
      .replace(/^elapsed time: .*$/gm, 'elapsed time: *')
      // What 1.48 calls a spare field has a name in 1.61.
      .replaceAll('app2_spare1: ', 'app2_class: ')
      // The appliance names the disks as they come up.
      .replace(/\/dev\/sdc2/g, '/dev/sda2')
  );
}

const golden = join(import.meta.dirname, 'golden');
const stock = JSON.parse(readFileSync(join(golden, 'stock.json'), 'utf8')) as Record<string, RunResult>;
const missing = needsTool('zstd');

describe('our tools print what the stock tools print', { skip: missing }, () => {
  const folder = temporaryFolder();
  const ours = new Map<string, RunResult>();
  before(() => {
    for (const disk of ['a', 'b']) {
      execFileSync('zstd', [
        '-q',
        '-d',
        join(golden, `${disk}.img.zst`),
        '-o',
        join(folder.path, `${disk}.img`),
      ]);
    }
    for (const [at, result] of runTools(folder.path, cases).entries())
      ours.set(cases[at]?.name ?? '', result);
  });
  after(() => folder.remove());
  for (const { name, argv } of cases) {
    const expected = stock[name] as RunResult;
    test(`${name}: ${argv.join(' ')}`, () => {
      const got = ours.get(name) as RunResult;
      assert.equal(comparable(got.stdout), comparable(expected.stdout), got.stderr);
      assert.equal(got.status, STATUS[name] ?? expected.status, got.stderr);
      assert.doesNotMatch(got.stderr, /internal error/);
    });
  }
});
