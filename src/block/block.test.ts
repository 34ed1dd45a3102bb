import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { blockContract } from '../../test/support/block-contract.ts';
import { random } from '../../test/support/fuzz.ts';
import { hasTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { GuestfsError } from '../errors/index.ts';
import { cacheDevice } from './cache.ts';
import type { BlockDevice } from './device.ts';
import { openFile } from './file.ts';
import { otherWriter } from './file-locks.ts';
import { nativeSeek } from './file-native.ts';
import { guard } from './guard.ts';
import { memoryDevice } from './memory.ts';
import { overlayDevice } from './overlay.ts';
import { rangeDevice } from './range.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const SIZE = 300 * 1024 + 512;
const next = random(3);
const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => (i > 50_000 && i < 120_000 ? 0 : next() * 256));

let files = 0;
function file(content: Uint8Array = CONTENT): string {
  const path = join(folder.path, `disk${files++}.img`);
  writeFileSync(path, content);
  return path;
}

blockContract('memory', () => {
  const content = CONTENT.slice();
  return { device: memoryDevice(content.slice()), content };
});
blockContract('read-only memory', () => ({
  device: memoryDevice(CONTENT.slice(), { writable: false, sectorSize: 4096 }),
  content: CONTENT,
}));
blockContract('file', () => ({ device: openFile(file(), { writable: true }), content: CONTENT }));
blockContract('read-only file', () => ({ device: openFile(file()), content: CONTENT }));
blockContract('sparse file', () => {
  const path = join(folder.path, 'sparse.img');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, SIZE);
  writeSync(fd, CONTENT.subarray(0, 50_001), 0, 50_001, 0);
  writeSync(fd, CONTENT.subarray(120_000), 0, SIZE - 120_000, 120_000);
  closeSync(fd);
  return { device: openFile(path, { writable: true }), content: CONTENT };
});
blockContract('range', () => ({
  device: rangeDevice(memoryDevice(CONTENT.slice()), 1024, 200_000, 'part'),
  content: CONTENT.subarray(1024, 201_024),
}));
blockContract('overlay', () => ({
  device: overlayDevice(memoryDevice(CONTENT.slice(), { writable: false }), 'overlay'),
  content: CONTENT,
}));
blockContract('cache', () => ({
  device: cacheDevice(memoryDevice(CONTENT.slice()), 'cache'),
  content: CONTENT,
}));
blockContract('tiny cache', () => ({
  device: cacheDevice(memoryDevice(CONTENT.slice()), 'cache', { capacity: 8192, readAhead: 4096 }),
  content: CONTENT,
}));

describe('overlay', () => {
  test('leaves the device below as it was, and is dropped at close', () => {
    const below = CONTENT.slice();
    const device = overlayDevice(memoryDevice(below), 'overlay');
    device.writeAt(0, new Uint8Array(200_000).fill(1));
    device.zero(250_000, 1000);
    device.close();
    assert.deepEqual(below, CONTENT);
  });

  test('leaves the device below open', () => {
    const below = memoryDevice(CONTENT.slice());
    overlayDevice(below, 'overlay').close();
    below.readAt(0, new Uint8Array(1));
  });
});

describe('cache', () => {
  const counting = (): { device: BlockDevice; reads: number[] } => {
    const reads: number[] = [];
    const inner = memoryDevice(CONTENT.slice());
    const device = guard(
      { ...plain(inner), readAt: (offset, into) => (reads.push(into.length), inner.readAt(offset, into)) },
      'counted',
    );
    return { device, reads };
  };

  test('reads what is small once', () => {
    const { device, reads } = counting();
    const cached = cacheDevice(device, 'cache');
    for (let i = 0; i < 100; i++) cached.readAt(i * 16, new Uint8Array(16));
    assert.deepEqual(reads, [16 * 1024]);
  });

  test('lets large reads through, and keeps no more than it may', () => {
    const { device, reads } = counting();
    const cached = cacheDevice(device, 'cache', { capacity: 16 * 1024, readAhead: 4096 });
    cached.readAt(0, new Uint8Array(100_000));
    assert.deepEqual(reads, [100_000]);
    for (let i = 0; i < 6; i++) cached.readAt(i * 4096, new Uint8Array(1));
    cached.readAt(5 * 4096, new Uint8Array(1));
    assert.equal(reads.length, 7);
    cached.readAt(0, new Uint8Array(1));
    assert.equal(reads.length, 8);
  });

  test('closes the device below', () => {
    const below = memoryDevice(CONTENT.slice());
    cacheDevice(below, 'cache').close();
    assert.throws(() => below.readAt(0, new Uint8Array(1)), { code: 'EBADF' });
  });
});

function plain(device: BlockDevice): BlockDevice {
  return {
    size: device.size,
    sectorSize: device.sectorSize,
    writable: device.writable,
    readAt: (offset, into) => device.readAt(offset, into),
    writeAt: (offset, from) => device.writeAt(offset, from),
    zero: (offset, length) => device.zero(offset, length),
    discard: (offset, length) => device.discard(offset, length),
    extents: (offset, length) => device.extents(offset, length),
    flush: () => device.flush(),
    close: () => device.close(),
  };
}

describe('opening a file says what is wrong', () => {
  const refused = (path: string): GuestfsError => {
    try {
      openFile(path).close();
    } catch (error) {
      assert.ok(error instanceof GuestfsError);
      return error;
    }
    throw new Error(`${path} was opened`);
  };

  test('a missing file', () => {
    const error = refused(join(folder.path, 'missing.img'));
    assert.equal(error.code, 'ENOENT');
    assert.match(error.message, /missing\.img: there is no such file; check the path/);
    assert.equal(error.path, join(folder.path, 'missing.img'));
  });

  test('a path through a file, an empty path, a link to itself', () => {
    assert.equal(refused(join(file(), 'x')).code, 'ENOTDIR');
    assert.equal(refused('').code, 'ENOENT');
    symlinkSync('loop', join(folder.path, 'loop'));
    assert.equal(refused(join(folder.path, 'loop')).code, 'ELOOP');
  });

  test('a folder', () => {
    mkdirSync(join(folder.path, 'dir'));
    const error = refused(join(folder.path, 'dir'));
    assert.equal(error.code, 'EISDIR');
    assert.match(error.message, /is a directory, expected a disk image/);
  });

  test(
    'a pipe and a character device, without waiting for them',
    { skip: hasTool('mkfifo') ? false : 'mkfifo is not installed' },
    () => {
      run('mkfifo', join(folder.path, 'pipe'));
      assert.match(refused(join(folder.path, 'pipe')).message, /is a pipe/);
      assert.match(refused('/dev/zero').message, /is a character device/);
    },
  );

  test(
    'a file that may not be read',
    { skip: process.getuid?.() === 0 && hasTool('setpriv') ? false : 'needs root and setpriv' },
    () => {
      const path = file();
      execFileSync('chmod', ['755', folder.path]);
      execFileSync('chmod', ['600', path]);
      const script = `import { openFile } from ${JSON.stringify(join(import.meta.dirname, 'file.ts'))};
      try { openFile(${JSON.stringify(path)}); } catch (error) { console.log(error.code, error.message); }`;
      const told = execFileSync(
        'setpriv',
        [
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          process.execPath,
          '--import',
          createRequire(import.meta.url).resolve('tsx'),
          '--input-type=module',
          '-e',
          script,
        ],
        { encoding: 'utf8', env: { ...process.env, TMPDIR: '/tmp' } },
      );
      assert.match(
        told,
        /^EACCES cannot open .*this user may not read it; change its permissions or run as its owner/,
      );
    },
  );

  test('a file that shrank since', () => {
    const path = file();
    const device = openFile(path);
    truncateSync(path, 100);
    assert.throws(() => device.readAt(0, new Uint8Array(200)), /the file ends at 100, it had 307712 bytes/);
    device.close();
  });
});

describe('block devices', () => {
  const loop = (() => {
    if (process.getuid?.() !== 0 || !hasTool('losetup')) return undefined;
    try {
      const path = file(new Uint8Array(1024 * 1024));
      return run('losetup', '--find', '--show', '--sector-size', '4096', path).trim();
    } catch {
      return undefined;
    }
  })();
  const skip = loop === undefined ? 'no loop device can be made' : false;
  after(() => {
    if (loop !== undefined) run('losetup', '-d', loop);
  });

  test("size and sector size are the kernel's, also behind a link", { skip }, () => {
    const link = join(folder.path, 'link-to-loop');
    symlinkSync(loop as string, link);
    for (const path of [loop as string, link]) {
      const device = openFile(path);
      assert.equal(device.size, 1024 * 1024);
      assert.equal(device.sectorSize, 4096);
      device.close();
    }
  });
});

describe('sparse files', () => {
  test(
    'holes are found with koffi',
    { skip: nativeSeek() === undefined ? 'koffi is not installed' : false },
    () => {
      const path = join(folder.path, 'holes.img');
      const fd = openSync(path, 'w');
      ftruncateSync(fd, 8 * 1024 * 1024);
      writeSync(fd, new Uint8Array(4096).fill(1), 0, 4096, 1024 * 1024);
      writeSync(fd, new Uint8Array(4096).fill(1), 0, 4096, 5 * 1024 * 1024);
      closeSync(fd);
      const device = openFile(path);
      const kinds = [...device.extents(0, device.size)].map((extent) => extent.kind);
      assert.deepEqual(kinds, ['hole', 'data', 'hole', 'data', 'hole']);
      device.close();
    },
  );

  test('a file without blocks is one hole, or all data where nobody tells', () => {
    const path = join(folder.path, 'empty.img');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    const device = openFile(path);
    const kind = nativeSeek() === undefined ? 'data' : 'hole';
    assert.deepEqual([...device.extents(0, device.size)], [{ offset: 0, length: 2 ** 40, kind }]);
    device.close();
  });
});

describe('who else writes', () => {
  test('nobody', () => assert.equal(otherWriter(file()), undefined));

  test(
    'a program that holds a lock',
    { skip: hasTool('flock') && process.platform === 'linux' ? false : 'flock is not installed' },
    () => {
      const path = file();
      const script = `import { otherWriter } from ${JSON.stringify(join(import.meta.dirname, 'file-locks.ts'))};
      console.log(otherWriter(${JSON.stringify(path)}));`;
      const told = execFileSync(
        'flock',
        [
          path,
          process.execPath,
          '--import',
          createRequire(import.meta.url).resolve('tsx'),
          '--input-type=module',
          '-e',
          script,
        ],
        { encoding: 'utf8' },
      );
      assert.match(told, /the process \d+|another program/);
    },
  );
});

describe('overlay over a large device', () => {
  test('takes memory only for what is written, and says when it is full', () => {
    const path = join(folder.path, 'large.img');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 42);
    const below = openFile(path);
    const device = overlayDevice(below, 'sda', { capacity: 64 * 1024 });
    const hole = nativeSeek() === undefined ? 'data' : 'hole';
    device.zero(0, 64 * 1024 * 1024);
    for (let i = 0; i < 16; i++) device.writeAt(i * 2 ** 30, Uint8Array.of(i + 1));
    assert.throws(() => device.writeAt(2 ** 41, Uint8Array.of(1)), { code: 'ENOSPC' });
    assert.throws(() => device.zero(0, 2 ** 42), { code: 'ENOSPC' });
    const byte = new Uint8Array(1);
    device.readAt(15 * 2 ** 30, byte);
    assert.equal(byte[0], 16);
    const kinds = [...device.extents(2 ** 30, 3 * 2 ** 30)].map((extent) => extent.kind);
    assert.deepEqual(kinds, ['data', hole, 'data', hole, 'data', hole]);
    device.close();
    below.close();
  });
});
