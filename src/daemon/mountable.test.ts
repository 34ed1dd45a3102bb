import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestfsError } from '../errors/index.ts';
import type { Platform } from '../platform/contract.ts';
import { deviceOf } from './mountable.ts';

test('the device of a mountable, a subvolume on a logical volume included', () => {
  const known = new Set(['/dev/sda1', '/dev/vg/root', '/dev/mapper/cr']);
  const find = (name: string): { name: string } => {
    if (!known.has(name)) throw new GuestfsError('ENOENT', `${name}: no such device`);
    return { name };
  };
  const platform = { devices: { find } } as unknown as Pick<Platform, 'devices'>;
  for (const [mountable, device] of [
    ['/dev/sda1', '/dev/sda1'],
    ['btrfsvol:/dev/sda1/home', '/dev/sda1'],
    ['btrfsvol:/dev/sda1/home/deeper', '/dev/sda1'],
    ['btrfsvol:/dev/vg/root/home', '/dev/vg/root'],
    ['btrfsvol:/dev/mapper/cr/a/b', '/dev/mapper/cr'],
    ['/file.img', undefined],
    ['/dev/sdz', undefined],
    ['btrfsvol:/dev/sdz/x', undefined],
  ] as const) {
    assert.equal(deviceOf(platform, mountable)?.name, device, mountable);
  }
});
