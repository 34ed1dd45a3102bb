import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runTools, type RunResult } from '../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../test/support/tools.ts';
import { cases } from './golden/cases.ts';

/** Cases that are not compared byte for byte, each with the reason. */
const DIFFERENT: Readonly<Record<string, string>> = {};

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
    const known = cases.filter(({ name }) => Object.hasOwn(stock, name));
    for (const [at, result] of runTools(folder.path, known).entries())
      ours.set(known[at]?.name ?? '', result);
  });
  after(() => folder.remove());
  for (const { name, argv } of cases) {
    const expected = stock[name];
    const reason = DIFFERENT[name];
    test(
      `${name}: ${argv.join(' ')}`,
      { skip: expected === undefined ? 'not recorded' : (reason ?? false) },
      () => {
        const got = ours.get(name) as RunResult;
        assert.equal(got.stdout, (expected as RunResult).stdout, got.stderr);
        assert.equal(got.status, (expected as RunResult).status, got.stderr);
        assert.doesNotMatch(got.stderr, /internal error/);
      },
    );
  }
});
