import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { random, fuzz } from '../../../test/support/fuzz.ts';
import { callValues, resultValue, structValue } from '../../../test/support/wire-values.ts';
import { structs } from '../../actions/structs.ts';
import { actionEntry, actionNames, type ActionEntry } from '../../actions/table.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';
import { readCall, writeCall } from './calls.ts';
import { XdrReader } from './reader.ts';
import { readResult, readStructStream, writeResult } from './results.ts';
import { writeStruct } from './structs.ts';
import { XdrWriter } from './writer.ts';

const LIMIT = 4 * 1024 * 1024;
const entries = actionNames
  .map((name) => actionEntry(name) as ActionEntry)
  .filter(({ where, args }) => where === 'daemon' && args.every(({ type }) => type !== 'Pointer'));
const entryOf = (name: string): ActionEntry => actionEntry(name) as ActionEntry;
const fails = (code: ErrorCode, message: RegExp) => (error: unknown) =>
  error instanceof GuestfsError && error.code === code && message.test(error.message);

/** The bytes of hexadecimal digits, white space between them. */
const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replace(/\s+/g, ''), 'hex'));

function encoded(name: string, args: unknown[], options: Record<string, unknown> = {}): [Uint8Array, bigint] {
  const writer = new XdrWriter(LIMIT);
  const set = writeCall(writer, entryOf(name), { args, options });
  return [Uint8Array.from(writer.bytes()), set];
}

function encodedResult(name: string, value: unknown): Uint8Array {
  const writer = new XdrWriter(LIMIT);
  writeResult(writer, entryOf(name).ret, value);
  return Uint8Array.from(writer.bytes());
}

/** What a place becomes on its way: a string, from which the daemon sees what it is. */
function onArrival(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return value;
  const { device, mountable, path } = value as Record<string, string>;
  return device ?? mountable ?? (path?.startsWith('/dev/') ? `/.${path}` : path);
}

describe('every action', () => {
  test('its arguments survive the wire', () => {
    for (const [index, entry] of entries.entries()) {
      for (let round = 0; round < 8; round++) {
        const call = callValues(entry, random(index * 100 + round));
        const writer = new XdrWriter(LIMIT);
        const set = writeCall(writer, entry, call);
        assert.equal(writer.length % 4, 0);
        const reader = new XdrReader(writer.bytes());
        const { args, options } = readCall(reader, entry, set);
        assert.deepEqual(args, call.args.map(onArrival), entry.name);
        assert.deepEqual(options, call.options, entry.name);
        assert.equal(reader.left, 0, entry.name);
      }
    }
  });

  test('its result survives the wire', () => {
    for (const [index, entry] of entries.entries()) {
      for (let round = 0; round < 8; round++) {
        const value = resultValue(entry.ret, random(index * 100 + round));
        const writer = new XdrWriter(LIMIT);
        writeResult(writer, entry.ret, value);
        const reader = new XdrReader(writer.bytes());
        assert.deepEqual(readResult(reader, entry.ret), value, entry.name);
        assert.equal(reader.left, 0, entry.name);
      }
    }
  });

  test('optional arguments may be missing from any on, but not those that are set', () => {
    for (const entry of entries.filter(({ optargs }) => optargs.length > 0)) {
      const { args } = callValues(entry, random(1));
      for (let known = 0; known <= entry.optargs.length; known++) {
        const older = { ...entry, optargs: entry.optargs.slice(0, known) };
        const writer = new XdrWriter(LIMIT);
        writeCall(writer, older, { args, options: {} });
        const bytes = writer.bytes();
        assert.deepEqual(readCall(new XdrReader(bytes), entry, 0n).options, {}, entry.name);
        if (known === entry.optargs.length) continue;
        assert.throws(
          () => readCall(new XdrReader(bytes), entry, 1n << BigInt(known)),
          fails('EPROTO', /is set, but the arguments end before it/),
        );
      }
      const [bytes] = encoded(entry.name, args);
      assert.throws(
        () => readCall(new XdrReader(bytes), entry, 1n << BigInt(entry.optargs.length)),
        fails('EINVAL', /optional arguments .* are set, only the first/),
      );
    }
  });

  test('bytes that end anywhere else are EPROTO', () => {
    for (const entry of entries) {
      const call = callValues(entry, random(7));
      const required = { ...entry, optargs: [] };
      const writer = new XdrWriter(LIMIT);
      writeCall(writer, required, call);
      const bytes = writer.bytes();
      const step = Math.max(1, Math.floor(bytes.length / 50));
      for (let length = 0; length < bytes.length; length += step) {
        assert.throws(
          () => readCall(new XdrReader(bytes.subarray(0, length)), required, 0n),
          fails('EPROTO', /./),
        );
      }
    }
  });
});

describe('bytes by hand, as RFC 4506 has them', () => {
  test('a string is its length, its bytes, and zeroes to a multiple of 4', () => {
    assert.deepEqual(encoded('cat', ['/etc/a'])[0], hex('00000006 2f657463 2f610000'));
    assert.deepEqual(encoded('cat', ['/\udcff'])[0], hex('00000002 2fff0000'));
    assert.deepEqual(encoded('cat', ['/ä'])[0], hex('00000003 2fc3a400'));
  });

  test('mkdir_mode: a string and an int', () => {
    assert.deepEqual(encoded('mkdir_mode', ['/d', 0o755])[0], hex('00000002 2f640000 000001ed'));
    assert.deepEqual(encoded('mkdir_mode', ['/d', -2])[0], hex('00000002 2f640000 fffffffe'));
  });

  test('truncate_size: a hyper', () => {
    assert.deepEqual(
      encoded('truncate_size', ['/f', 2 ** 40 + 5])[0],
      hex('00000002 2f660000 0000010000000005'),
    );
  });

  test('aug_defvar: an optional string is a mark and the string', () => {
    assert.deepEqual(encoded('aug_defvar', ['v', null])[0], hex('00000001 76000000 00000000'));
    assert.deepEqual(
      encoded('aug_defvar', ['v', 'ex'])[0],
      hex('00000001 76000000 00000001 00000002 65780000'),
    );
  });

  test('vgcreate: a list is its number and the strings', () => {
    assert.deepEqual(
      encoded('vgcreate', ['VG', ['/dev/a', '/dev/bc']])[0],
      hex('00000002 56470000 00000002 00000006 2f646576 2f610000 00000007 2f646576 2f626300'),
    );
  });

  test('internal_write: opaque data', () => {
    assert.deepEqual(
      encoded('internal_write', ['/f', Uint8Array.of(1, 2, 3, 4, 5)])[0],
      hex('00000002 2f660000 00000005 01020304 05000000'),
    );
  });

  test('is_file: an optional argument follows set or not, and the bit tells', () => {
    assert.deepEqual(encoded('is_file', ['/f']), [hex('00000002 2f660000 00000000'), 0n]);
    assert.deepEqual(encoded('is_file', ['/f'], { followsymlinks: true }), [
      hex('00000002 2f660000 00000001'),
      1n,
    ]);
  });

  test('tar_out: its stream is not among the arguments', () => {
    const [bytes, set] = encoded('tar_out', ['/d'], { excludes: ['x'], acls: true });
    assert.equal(set, 0b100100n);
    assert.deepEqual(
      bytes,
      // directory, compress, numericowner, excludes, xattrs, selinux, acls
      hex('00000002 2f640000 00000000 00000000 00000001 00000001 78000000 00000000 00000000 00000001'),
    );
  });

  test('a path that looks like a device goes in a form that does not', () => {
    assert.deepEqual(
      encoded('download', [{ path: '/dev/sdb2' }])[0],
      hex('0000000b 2f2e2f64 65762f73 64623200'),
    );
    assert.deepEqual(
      encoded('download', [{ device: '/dev/sdb2' }])[0],
      hex('00000009 2f646576 2f736462 32000000'),
    );
  });

  test('results: void, bool, list, hash, buffer', () => {
    assert.deepEqual(encodedResult('mkdir', undefined), hex(''));
    assert.deepEqual(encodedResult('exists', true), hex('00000001'));
    assert.deepEqual(encodedResult('list_devices', ['/dev/sda']), hex('00000001 00000008 2f646576 2f736461'));
    assert.deepEqual(
      encodedResult('mountpoints', { a: '/' }),
      hex('00000002 00000001 61000000 00000001 2f000000'),
    );
    assert.deepEqual(encodedResult('pread', Uint8Array.of(0xff)), hex('00000001 ff000000'));
  });

  test('structs: dirent with a char, xattr with a buffer, lvm_pv with a uuid', () => {
    assert.deepEqual(
      encodedResult('readdir', [{ ino: 2, ftyp: 'd', name: '.' }]),
      hex('00000001 0000000000000002 00000064 00000001 2e000000'),
    );
    assert.deepEqual(
      encodedResult('getxattrs', [{ attrname: 'a', attrval: Uint8Array.of(1, 2) }]),
      hex('00000001 00000001 61000000 00000002 01020000'),
    );
    const writer = new XdrWriter(LIMIT);
    writeStruct(writer, 'lvm_pv', {
      ...structValue('lvm_pv', random(1)),
      pvName: '/dev/sda1',
      pvUuid: '0123456789abcdefghijklmnopqrstuv',
      pvFmt: '',
    });
    assert.deepEqual(
      writer.bytes().subarray(0, 52),
      Uint8Array.from([
        ...hex('00000009 2f646576 2f736461 31000000'),
        ...Buffer.from('0123456789abcdefghijklmnopqrstuv'),
        ...hex('00000000'),
      ]),
    );
  });

  test('structs: lvm_lv has its percentages as floats, hyper values may be all of 64 bits', () => {
    const value = structValue('lvm_lv', random(2));
    const bytes = encodedResult('lvs_full', [{ ...value, snapPercent: 12.5 }]);
    assert.ok(Buffer.from(bytes).includes(Buffer.from('41480000', 'hex')));
    assert.equal(readResult(new XdrReader(hex('ffffffffffffffff')), { type: 'Int64', opaque: true }), -1n);
    assert.throws(
      () => readResult(new XdrReader(hex('0020000000000000')), { type: 'Int64' }),
      fails('ERANGE', /9007199254740992/),
    );
  });
});

describe('what cannot be', () => {
  test('numbers beyond their type are ERANGE, messages beyond the limit E2BIG', () => {
    assert.throws(() => encoded('mkdir_mode', ['/d', 2 ** 31]), fails('ERANGE', /2147483648/));
    assert.throws(() => encoded('truncate_size', ['/d', 0.5]), fails('ERANGE', /0.5/));
    const writer = new XdrWriter(100);
    assert.throws(() => writer.opaque(new Uint8Array(97)), fails('E2BIG', /100 bytes/));
    writer.opaque(new Uint8Array(96).subarray(0, 90));
  });

  test('lengths and counts are believed only as far as bytes follow', () => {
    assert.throws(() => new XdrReader(hex('ffffffff 00000000')).string('x'), fails('EPROTO', /4294967295/));
    assert.throws(() => new XdrReader(hex('ffffffff 00000000')).strings('x'), fails('EPROTO', /elements/));
    assert.throws(
      () => readResult(new XdrReader(hex('40000000 00000000')), entryOf('lvs_full').ret),
      fails('EPROTO', /lvm_lv: 1073741824 elements/),
    );
    assert.throws(
      () => readResult(new XdrReader(hex('00000001 00000000')), entryOf('mountpoints').ret),
      fails('EPROTO', /even/),
    );
    assert.throws(
      () => readCall(new XdrReader(hex('00000001 76000000 00000002')), entryOf('aug_defvar'), 0n),
      fails('EPROTO', /expected 0 or 1/),
    );
  });

  test('a stream of structs is read to its end', () => {
    const bytes = hex('0000000000000002 00000064 00000001 2e000000');
    const twice = Uint8Array.from([...bytes, ...bytes]);
    assert.deepEqual(
      readStructStream(twice, 'dirent').map(({ name }) => name),
      ['.', '.'],
    );
    assert.throws(() => readStructStream(twice.subarray(0, 25), 'dirent'), fails('EPROTO', /./));
  });

  test('mutated results fail with a GuestfsError or give something', () => {
    for (const [index, { name }] of structs.entries()) {
      const ret = { type: 'StructList', of: name } as const;
      const writer = new XdrWriter(LIMIT);
      writeResult(writer, ret, [structValue(name, random(index)), structValue(name, random(index + 1))]);
      fuzz({
        seed: index,
        rounds: 60,
        image: writer.bytes(),
        read: (image) => void readResult(new XdrReader(image), ret),
      });
    }
  });
});

test('a writer that is cleared begins anew, after large messages too', () => {
  const writer = new XdrWriter(1024 * 1024);
  for (const size of [100_000, 4]) {
    writer.clear();
    writer.uint32(size);
    writer.fixed(new Uint8Array(size).fill(7));
    assert.equal(writer.length, 4 + size);
  }
  assert.deepEqual([...writer.bytes()], [0, 0, 0, 4, 7, 7, 7, 7]);
});
