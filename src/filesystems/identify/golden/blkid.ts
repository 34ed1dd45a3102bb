import { spawnSync } from 'node:child_process';
import { decodeText } from '../../../bytes/text.ts';
import type { Tags } from '../signature.ts';

/** What the installed blkid(8) says of a file, without what it says of partition tables. */
export function blkid(path: string): Tags {
  const result = spawnSync(
    'blkid',
    ['-p', '-d', '-o', 'export', '-u', 'filesystem,raid,crypto,other', path],
    {
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    },
  );
  const tags: Tags = {};
  for (const line of decodeText(result.stdout).split('\n')) {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || /^(DEVNAME|PT|PART)/.test(name)) continue;
    tags[name] = value.replace(/\\(.)/g, '$1');
  }
  return tags;
}
