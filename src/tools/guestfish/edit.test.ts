import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/tools.ts';
import type { Handle } from '../common/handle.ts';
import { editFile, hexEdit } from './edit.ts';
import { TextLines } from './lines.ts';
import { Shell } from './shell.ts';
import type { Sink } from './sinks.ts';

const nothing: Sink = {
  terminal: false,
  write: () => undefined,
  writeBytes: () => undefined,
  flush: () => undefined,
  fileOutput: () => '/dev/null',
};

/** A handle that has one file and notes what is done to it. */
function fakeHandle(content: string): { handle: Handle; calls: string[]; uploaded: () => string } {
  const calls: string[] = [];
  let uploaded = '';
  const handle = {
    realpath: (path: string) => Promise.resolve(path),
    download: async (_path: string, to: string) => writeFileSync(to, content),
    downloadOffset: async (_path: string, to: string, offset: number, size: number) =>
      writeFileSync(to, content.slice(offset, offset + size)),
    filesize: () => Promise.resolve(content.length),
    upload: async (from: string, path: string) => {
      uploaded = readFileSync(from, 'utf8');
      calls.push(`upload ${path.replace(/\.[a-z0-9]+$/, '.RANDOM')}`);
    },
    uploadOffset: async (from: string, path: string, offset: number) => {
      uploaded = readFileSync(from, 'utf8');
      calls.push(`upload-offset ${path} ${offset}`);
    },
    copyAttributes: async (from: string, to: string, options: object) =>
      calls.push(
        `copy-attributes ${from} ${to.replace(/\.[a-z0-9]+$/, '.RANDOM')} ${JSON.stringify(options)}`,
      ),
    mv: async (from: string, to: string) => calls.push(`mv ${from.replace(/\.[a-z0-9]+$/, '.RANDOM')} ${to}`),
  } as unknown as Handle;
  return { handle, calls, uploaded: () => uploaded };
}

function shellOn(handle: Handle): Shell {
  return new Shell(handle, nothing, nothing, new TextLines('', undefined), {
    interactive: false,
    pipeError: false,
    keysFromStdin: false,
    echoKeys: false,
    newHandle: () => Promise.resolve(handle),
  });
}

describe('editing', () => {
  const folder = temporaryFolder();
  const before = process.env['TMPDIR'];
  beforeEach(() => {
    process.env['TMPDIR'] = folder.path;
  });
  afterEach(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, 'TMPDIR');
    else process.env['TMPDIR'] = before;
  });

  test('a changed file takes the place of the old one in one step, with its attributes', async () => {
    const { handle, calls, uploaded } = fakeHandle('old\n');
    await editFile(shellOn(handle), '/etc/motd', 'sh -c \'echo new >> "$0"\'');
    assert.deepEqual(calls, [
      'upload /etc/.motd.RANDOM',
      'copy-attributes /etc/motd /etc/.motd.RANDOM {"all":true}',
      'mv /etc/.motd.RANDOM /etc/motd',
    ]);
    assert.equal(uploaded(), 'old\nnew\n');
  });
  test('an unchanged file is left alone, a failing editor is an error', async () => {
    const { handle, calls } = fakeHandle('old\n');
    await editFile(shellOn(handle), '/etc/motd', 'true');
    await assert.rejects(editFile(shellOn(handle), '/etc/motd', 'false'), /false: exit status 1/);
    assert.deepEqual(calls, []);
  });
  test('hexedit writes a part back where it was, and refuses another size', async () => {
    const { handle, calls, uploaded } = fakeHandle('0123456789');
    process.env['HEXEDITOR'] = 'sh -c \'printf abc > "$0"\'';
    try {
      await hexEdit(shellOn(handle), ['/f', '2', '3']);
      assert.deepEqual(calls, ['upload-offset /f 2']);
      assert.equal(uploaded(), 'abc');
      await assert.rejects(hexEdit(shellOn(handle), ['/f']), /the size may not change/);
      await assert.rejects(hexEdit(shellOn(handle), ['/f', '20', '1']), /is not inside the 10 bytes/);
    } finally {
      Reflect.deleteProperty(process.env, 'HEXEDITOR');
      folder.remove();
    }
  });
});
