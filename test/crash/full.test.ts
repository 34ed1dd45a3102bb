import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { fillings, runFull } from './full.ts';
import { baseImage } from './run.ts';
import { scratch, targets } from './targets.ts';

describe('a full filesystem', () => {
  for (const target of targets) {
    test(target.name, { skip: needsTool(target.tool) }, () => {
      const base = baseImage(target);
      for (const how of fillings) {
        // The largest one takes long to fill with small things.
        if (target.size > 16 * 1024 * 1024 && how !== 'one file' && how !== 'replacements') continue;
        let image: Uint8Array;
        try {
          image = runFull(target, base, how);
        } catch (error) {
          throw new Error(`${how}: ${String(error)}`, { cause: error });
        }
        const path = scratch();
        writeFileSync(path, image);
        const [program, option] = target.kind === 'fat' ? ['fsck.fat', '-n'] : ['e2fsck', '-fn'];
        const { status, stdout } = spawnSync(program as string, [option as string, path], {
          encoding: 'utf8',
        });
        assert.equal(status, 0, `${how}: ${stdout.slice(0, 2000)}`);
      }
    });
  }
});
