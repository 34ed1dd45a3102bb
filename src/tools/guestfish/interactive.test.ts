import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { decodePrompt } from './prompt.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const golden = join(import.meta.dirname, '..', 'golden');

test('escapes of the prompt variables', () => {
  assert.equal(decodePrompt(String.raw`\[\e[1;32m\]\x3e\076\\\a\n\q`), '\u001b[1;32m>>\\\u0007\n\\q');
});

describe('guestfish at a terminal', { skip: needsTool('zstd', 'script') }, () => {
  const folder = temporaryFolder();
  before(() => {
    execFileSync('zstd', ['-q', '-d', join(golden, 'a.img.zst'), '-o', join(folder.path, 'a.img')]);
  });
  after(() => folder.remove());

  test('goes on after an error, escapes what a terminal would obey, keeps a history', () => {
    const command = `"${process.execPath}" --import "${root}/node_modules/tsx/dist/esm/index.mjs" "${root}/test/support/tool-main.ts" guestfish a.img`;
    const lines = [
      'cat /missing',
      'cat /home/user/control',
      '!echo from-host',
      'ls / | head -1',
      'quit',
      'echo never',
    ];
    const run = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: folder.path,
      input: `${lines.join('\n')}\n`,
      encoding: 'latin1',
      timeout: 60_000,
      env: {
        ...process.env,
        HOME: folder.path,
        TERM: 'xterm',
        GUESTFISH_PS1: 'PROMPT> ',
        GUESTFISH_RESTORE: 'BYE',
      },
    });
    const text = run.stdout;
    assert.equal(run.status, 0, text);
    assert.match(text, /look into disk images/);
    assert.match(text, /\/dev\/vg_guest\/root mounted on \//);
    assert.match(text, /libguestfs: error: cat: \/missing: No such file/);
    assert.match(text, /a\\x01b\\x1b\[31mc/);
    assert.match(text, /from-host\r/);
    assert.match(text, /\nbin\r/);
    assert.match(text, /BYE/);
    assert.doesNotMatch(text.slice(text.indexOf('from-host\r')), /\nnever/);
    const history = readFileSync(join(folder.path, '.guestfish'), 'utf8').split('\n');
    assert.deepEqual(history.slice(0, 2), ['cat /missing', 'cat /home/user/control']);
  });
});
