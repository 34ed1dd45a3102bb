import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import {
  partitionDisks,
  partitionImage,
  stockAnswers,
  writeSparse,
} from '../../../test/support/partition-golden.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';

/** Where we know better than libguestfs 1.48, and why. */
const DIFFERENT: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:gpt|gptbad|gptgrown|hybrid|gpt4k) part-get-mbr-id/,
    'stock takes the first digits of a GUID for a byte',
  ],
  [/^(?!gpt|hybrid)\w+ part-get-(?:gpt-\w+|disk-guid)/, 'stock makes up GUIDs for tables that have none'],
  [/^gpt part-get-name 3/, 'stock loses letters that are not ASCII'],
  [/^gpt part-get-gpt-attributes 3/, 'stock loses the high bits'],
  [/^gptbad /, 'parted refuses a GPT with a damaged primary, we read the backup'],
  [/^beyond /, 'parted refuses a partition that ends beyond the disk, Linux cuts it and so do we'],
  [/^(?:mac|bsd|sun|dvh|amiga|pc98) part-(?:list|get-bootable)/, 'named and not read here'],
  [/^sun sfdisk/, 'the geometry is in the label, which is not read here'],
  [/^(?:atari) /, 'has no magic to be known by'],
];

/** A result in the form in which guestfish prints it; undefined for an error. */
function shown(call: () => unknown, command: string): string[] | undefined {
  let value: unknown;
  try {
    value = call();
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) {
    return (value as Record<string, number>[]).flatMap((row, i) => [
      `[${i}] = {`,
      `  part_num: ${row['partNum']}`,
      `  part_start: ${row['partStart']}`,
      `  part_end: ${row['partEnd']}`,
      `  part_size: ${row['partSize']}`,
      '}',
    ]);
  }
  if (command.startsWith('part-get-mbr-id')) return [`0x${Number(value).toString(16)}`];
  return String(value).split('\n');
}

describe('partition actions answer as stock libguestfs', () => {
  const folder = temporaryFolder();
  let daemon: EngineDaemon;
  before(() => {
    daemon = engineDaemon(
      ...partitionDisks().map((name) => {
        const path = join(folder.path, `${name}.img`);
        writeSparse(path, partitionImage(name));
        return { path, format: 'raw', ...(name === 'gpt4k' ? { blockSize: 4096 } : {}) };
      }),
    );
  });
  after(() => {
    daemon.close();
    folder.remove();
  });

  for (const [index, name] of partitionDisks().entries()) {
    const device = `/dev/sd${String.fromCharCode(97 + index)}`;
    test(name, () => {
      const answers = stockAnswers().get(name) ?? new Map<string, string[]>();
      assert.ok(answers.size > 10);
      for (const [command, lines] of answers) {
        if (command === '' || command === 'sfdisk-l') continue;
        if (DIFFERENT.some(([pattern]) => pattern.test(`${name} ${command}`))) continue;
        const [call = '', number] = command.split(' ');
        const args: unknown[] = number === undefined ? [device] : [device, Number(number)];
        const ours = shown(() => daemon.call(call.replaceAll('-', '_'), ...args), command);
        if (lines[0]?.startsWith('*stdin*')) assert.equal(ours, undefined, `${name}: ${command}`);
        else assert.deepEqual(ours, lines, `${name}: ${command}`);
      }
    });
  }

  test('sfdisk_l shows the rows that sfdisk shows', () => {
    for (const name of ['gpt', 'mbr', 'mbrf', 'gpt4k']) {
      const device = `/dev/sd${String.fromCharCode(97 + partitionDisks().indexOf(name))}`;
      const ours = String(daemon.call('sfdisk_l', device)).split('\n');
      // The model is the drive's of stock's machine.
      const theirs = (stockAnswers().get(name)?.get('sfdisk-l') ?? []).filter(
        (line) => !line.startsWith('Disk model'),
      );
      // Its column widths have rules of their own.
      const words = (lines: string[]) => lines.map((line) => line.replace(/ +/g, ' '));
      assert.deepEqual(words(ours), words(theirs), name);
    }
  });

  test('what stock cannot: the backup of a GPT, letters of every language, all bits', () => {
    const device = (name: string) => `/dev/sd${String.fromCharCode(97 + partitionDisks().indexOf(name))}`;
    assert.equal(daemon.call('part_get_name', device('gpt'), 3), 'Grüße 日本');
    assert.equal(daemon.call('part_get_gpt_attributes', device('gpt'), 3), 0x9000000000000000n);
    assert.equal(daemon.call('part_get_name', device('gptbad'), 1), 'x');
    assert.match(daemon.warnings.join(), /primary copy is damaged/);
    assert.equal((daemon.call('part_list', device('beyond')) as unknown[]).length, 2);
  });

  test('errors say what is wrong', () => {
    const device = (name: string) => `/dev/sd${String.fromCharCode(97 + partitionDisks().indexOf(name))}`;
    assert.throws(() => daemon.call('part_list', device('mac')), { code: 'ENOTSUP', message: /of type mac/ });
    assert.throws(() => daemon.call('part_get_parttype', device('ext')), {
      code: 'EINVAL',
      message: /a filesystem fills this device/,
    });
    assert.throws(() => daemon.call('part_get_gpt_type', device('mbr'), 1), {
      code: 'EINVAL',
      message: /type gpt/,
    });
    assert.throws(() => daemon.call('part_get_bootable', device('mbr'), 9), {
      code: 'EINVAL',
      message: /no partition 9, there are: 1, 2, 3/,
    });
    assert.throws(() => daemon.call('part_list', '/dev/nothere'), { code: 'ENOENT' });
  });
});
