import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { askToOpen, openEncrypted } from './decrypt.ts';
import type { Handle } from './handle.ts';
import { parseKey } from './request.ts';

const UUID = '7ad8fe93-2026-417f-9be3-ec2913e91750';
const MAPPED = `/dev/mapper/luks-${UUID}`;

/** Devices with a key each; what is opened shows further devices. */
function locks(plan: {
  keys: Record<string, string>;
  uuids?: Record<string, string>;
  inside?: Record<string, string[]>;
}): {
  handle: Handle;
  log: string[];
} {
  const log: string[] = [];
  const volumes: string[] = [];
  const handle = {
    listDevices: async () => ['/dev/sda'],
    listPartitions: async () => ['/dev/sda1', '/dev/sda2'],
    listMdDevices: async () => [],
    lvs: async () => volumes,
    canonicalDeviceName: async (name: string) => name.replace('/dev/vd', '/dev/sd'),
    vfsType: async (device: string) => {
      if (device === '/dev/sda') throw new GuestfsError('EIO', 'a bad sector');
      return Object.hasOwn(plan.keys, device) ? 'crypto_LUKS' : 'ext4';
    },
    vfsUuid: async (device: string) => plan.uuids?.[device] ?? '',
    cryptsetupOpen: async (device: string, key: string, name: string) => {
      log.push(`${device} ${key} ${name}`);
      if (key === 'broken') throw new UnsupportedError('there is no cryptsetup');
      if (plan.keys[device] !== key) throw new GuestfsError('EPERM', 'No key available');
      volumes.push(...(plan.inside?.[device] ?? []));
    },
    clevisLuksUnlock: async (device: string, name: string) => void log.push(`clevis ${device} ${name}`),
    lvmScan: async (activate: boolean) => void log.push(`lvm_scan ${activate}`),
  };
  return { handle: handle as unknown as Handle, log };
}

const given = (...keys: string[]): Parameters<typeof openEncrypted>[1] => ({
  keys: keys.map(parseKey),
  keysFromStdin: false,
  echoKeys: false,
});

describe('keys of encrypted devices', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  test('are for a device by any of its names, a UUID, or all; volumes inside are activated', async () => {
    for (const id of ['/dev/sda2', '/dev/vda2', UUID.toUpperCase(), 'all']) {
      const { handle, log } = locks({ keys: { '/dev/sda2': 'a:b' }, uuids: { '/dev/sda2': UUID } });
      await openEncrypted(handle, given(`${id}:key:a:b`));
      assert.deepEqual(log, [`/dev/sda2 a:b luks-${UUID}`, 'lvm_scan true'], id);
    }
  });

  test('are tried one after the other; the first line of a file is one', async () => {
    const file = join(folder.path, 'key');
    writeFileSync(file, 'right\nmore\n');
    const { handle, log } = locks({ keys: { '/dev/sda2': 'right' } });
    await openEncrypted(handle, given('all:key:wrong', `/dev/sda2:file:${file}`, '/dev/sda1:key:other'));
    assert.deepEqual(log, ['/dev/sda2 wrong crypt-sda2', '/dev/sda2 right crypt-sda2', 'lvm_scan true']);
    await assert.rejects(openEncrypted(handle, given('all:file:/nonexistent')), /cannot read the file/);
  });

  test('are for volumes on opened devices as well', async () => {
    const { handle, log } = locks({
      keys: { '/dev/sda2': 'one', '/dev/vg/home': 'two' },
      inside: { '/dev/sda2': ['/dev/vg/home', '/dev/vg/root'] },
    });
    await openEncrypted(handle, given('/dev/sda2:key:one', '/dev/vg/home:key:two'));
    assert.deepEqual(log.slice(2), ['/dev/vg/home two crypt-vg-home', 'lvm_scan true']);
  });

  test('clevis asks the network', async () => {
    const { handle, log } = locks({ keys: { '/dev/sda2': '' }, uuids: { '/dev/sda2': UUID } });
    await openEncrypted(handle, given(`${UUID}:clevis`));
    assert.deepEqual(log, [`clevis /dev/sda2 ${MAPPED.slice('/dev/mapper/'.length)}`, 'lvm_scan true']);
  });

  test('that do not fit are an error; devices without one stay as they are', async () => {
    const { handle, log } = locks({ keys: { '/dev/sda1': 'a', '/dev/sda2': 'b' } });
    await assert.rejects(openEncrypted(handle, given('all:key:x')), /none of the keys .* opens \/dev\/sda1/);
    log.length = 0;
    await openEncrypted(handle, given('/dev/sda2:key:b'));
    assert.deepEqual(log, ['/dev/sda2 b crypt-sda2', 'lvm_scan true']);
  });

  test('a program that is missing is no wrong key', async () => {
    const { handle } = locks({ keys: { '/dev/sda2': 'x' } });
    await assert.rejects(openEncrypted(handle, given('all:key:broken')), { code: 'ENOTSUP' });
  });

  test('inspection that fails for another reason fails as it did', async () => {
    const { handle } = locks({ keys: {} });
    const failure = new UnsupportedError('inspect_os: there is something else');
    await assert.rejects(askToOpen(handle, given(), failure), failure);
  });
});
