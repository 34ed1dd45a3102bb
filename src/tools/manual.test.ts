import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsTool } from '../../test/support/tools.ts';
import { toolNames } from './main.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'man');
const pages = readdirSync(folder).filter((name) => name.endsWith('.1'));

describe('manual pages', () => {
  test('every tool has one', () => {
    for (const name of toolNames) assert.ok(pages.includes(`${name}.1`), name);
  });
  for (const page of pages) {
    test(`${page} renders without a warning`, { skip: needsTool('man') }, () => {
      for (const width of ['60', '100']) {
        const run = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', join(folder, page)], {
          encoding: 'utf8',
          env: { ...process.env, MANWIDTH: width, LC_ALL: 'C.UTF-8' },
        });
        assert.equal(run.stderr, '');
        assert.equal(run.status, 0);
        assert.match(run.stdout, /SEE ALSO/);
      }
      assert.doesNotMatch(readFileSync(join(folder, page), 'utf8'), /`/);
    });
  }
});
